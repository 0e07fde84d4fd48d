"""An SSE benchmark as people write it with aiohttp: a task a stream, time.perf_counter at each
token. perf/compare.py holds it against ssebomb.

    aiohttp_loop.py [--streams N] [--connect-rate N] --body FILE --tally FILE URL

One request a stream; at the end the percentiles of TTFT and gaps as JSON, in nanoseconds. The tally
holds the number of tokens so far, as eight bytes that others can look at while this runs: aiohttp
reads ahead of the loop that uses it, so the sockets don't tell how far the loop has come.
"""

import argparse
import asyncio
import json
import math
import mmap
import time

import aiohttp


async def stream(session, url, body, delay, ttfts, gaps, tally):
    await asyncio.sleep(delay)
    started = last = time.perf_counter()
    first = True
    async with session.post(url, data=body) as response:
        response.raise_for_status()
        async for line in response.content:
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                break
            if not json.loads(data)["choices"][0]["delta"].get("content"):
                continue
            now = time.perf_counter()
            tally[0] += 1
            if first:
                ttfts.append(now - started)
                first = False
            else:
                gaps.append(now - last)
            last = now


def summary(samples):
    if not samples:
        return {"count": 0}
    ordered = sorted(samples)
    found = {"count": len(ordered), "mean": sum(ordered) / len(ordered) * 1e9}
    for percent in [50, 99]:
        found[f"p{percent}"] = ordered[math.ceil(len(ordered) * percent / 100) - 1] * 1e9
    return found


async def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--connect-rate", type=float, default=1000)
    parser.add_argument("--body", required=True)
    parser.add_argument("--tally", required=True)
    parser.add_argument("url")
    options = parser.parse_args()
    with open(options.body, "rb") as file:
        body = file.read()
    with open(options.tally, "wb+") as file:
        file.write(bytes(8))
        file.flush()
        tally = memoryview(mmap.mmap(file.fileno(), 8)).cast("Q")
    ttfts, gaps = [], []
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"Content-Type": "application/json", "Accept": "text/event-stream"},
    ) as session:
        await asyncio.gather(*(
            stream(session, options.url, body, number / options.connect_rate, ttfts, gaps, tally)
            for number in range(options.streams)
        ))
    print(json.dumps({"ttft": summary(ttfts), "gap": summary(gaps)}))


if __name__ == "__main__":
    asyncio.run(main())
