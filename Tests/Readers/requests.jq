# Of all lines of --per-request: whether they add up to the result file, $result. The percentile of a
# histogram is the upper edge of its cell, at most 0.1 % above the sample.
def rank($share): sort | .[(length * $share | ceil) - 1];
def near($told): . <= $told and $told <= . * 1.001 + 1;

$result[0] as $result
| (map(select(.measured))) as $measured
| ($measured | map(select(.tok0_ns) | .tok0_ns - .send0_ns)) as $ttft
| [
    (length == $result.counts.request_log.written),
    ($result.counts.request_log.lost == 0),
    (($measured | length) == $result.counts.requests.started),
    (($measured | group_by(.outcome) | map({key: .[0].outcome, value: length}) | from_entries)
      | . == ($result.counts.requests
              | with_entries(select((.key | IN("completed", "failed", "cancelled", "cut"))
                                    and .value > 0)))),
    (($measured | map(select(.failure)) | group_by(.failure)
      | map({key: .[0].failure, value: length}) | from_entries) == $result.counts.failures),
    (($measured | map(.tokens) | add) == $result.counts.tokens.completion),
    ((map(.window_events) | add) == $result.counts.events),
    ((map(.window_token_events) | add) == $result.counts.token_events),
    (($ttft | length) == $result.metrics.ttft.count),
    (($ttft | add) == $result.metrics.ttft.sum),
    ($ttft | rank(0.5) | near($result.metrics.ttft.p50)),
    ($ttft | rank(0.99) | near($result.metrics.ttft.p99))
  ]
| if all then "ok" else "unlike the result: \(.)", false end
