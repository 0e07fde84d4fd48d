// How the page looks: on a light and a dark screen, on a telephone, on paper. Words of the style
// alone; which element means what stands where it is written.

extension HTMLReport {
    static let style: StaticString = """
        :root{
          --back:#f6f7f9; --card:#fff; --ink:#14181d; --dim:#5b6672; --rule:#e3e7eb;
          --grid:#e9edf0; --blue:#1f5fd0; --teal:#00776b; --violet:#7440c9; --amber:#9a5b00;
          --red:#c42126; --green:#13743a; --pink:#b0246f; --sky:#1f5fd0; --shade:#eef1f4;
          --bar:#8fa3b8; --amber-back:#fff4dd; --red-back:#fdebea; --green-back:#e6f5eb;
          --h0:#bfe3cb; --h1:#f2d68c; --h2:#ef9a4a; --h3:#d43a3a;
        }
        @media (prefers-color-scheme:dark) {
          :root{
            --back:#0e1216; --card:#161b21; --ink:#e8ecf0; --dim:#9aa6b2; --rule:#29313a;
            --grid:#242c35; --blue:#79a9ff; --teal:#4fd0c0; --violet:#b794ff; --amber:#f0b24d;
            --red:#ff7b78; --green:#66d08c; --pink:#ff8cc6; --sky:#79a9ff; --shade:#1d242c;
            --bar:#5d7186; --amber-back:#33270f; --red-back:#3a1b1c; --green-back:#14301f;
            --h0:#26583a; --h1:#7d6420; --h2:#c06a1c; --h3:#e04848;
          }
        }
        *{box-sizing:border-box}
        body{
          margin:0; background:var(--back); color:var(--ink);
          font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
          font-variant-numeric:tabular-nums; -webkit-text-size-adjust:100%;
        }
        header,main,footer{max-width:1180px;margin:0 auto;padding:0 24px}
        header{padding-top:28px}
        h1{font-size:24px;line-height:1.25;margin:0 0 12px;overflow-wrap:anywhere;font-weight:650}
        h2{font-size:18px;margin:36px 0 12px;font-weight:650}
        h3{font-size:14px;margin:0 0 8px;font-weight:650}
        p{margin:0 0 6px}
        .brand{color:var(--dim);font-weight:650;letter-spacing:.02em;margin-bottom:2px}
        .dim,.weak{color:var(--dim)}
        .bold{font-weight:650}
        .red{color:var(--red)}
        .green{color:var(--green)}
        code,pre{
          font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
        }
        code{font-size:.92em;overflow-wrap:anywhere}
        pre{
          margin:4px 0 8px; padding:8px 10px; background:var(--shade); border-radius:6px;
          font-size:13px; white-space:pre-wrap; overflow-wrap:anywhere;
        }
        dl{margin:0}
        dl div{display:grid;grid-template-columns:132px minmax(0,1fr);gap:12px;padding:3px 0}
        dt{color:var(--dim);overflow-wrap:anywhere}
        dd{margin:0;overflow-wrap:anywhere}
        dl.plan{columns:2;column-gap:40px;font-size:14px}
        dl.plan div{grid-template-columns:88px minmax(0,1fr);break-inside:avoid}
        .verdict{margin-top:24px;padding:16px 20px;border-radius:10px;border-left:6px solid}
        .verdict p:last-child{margin:0}
        .state{display:flex;gap:4px 14px;align-items:baseline;flex-wrap:wrap}
        .state b{font-size:28px;line-height:1.1;font-weight:700}
        .valid{background:var(--green-back);border-color:var(--green)}
        .valid .state b{color:var(--green)}
        .suspect{background:var(--amber-back);border-color:var(--amber)}
        .suspect .state b{color:var(--amber)}
        .invalid{background:var(--red-back);border-color:var(--red)}
        .invalid .state b{color:var(--red)}
        ul{list-style:none;margin:0;padding:0}
        .reasons li{padding:3px 0;overflow-wrap:anywhere}
        h2 span{font-size:14px;font-weight:400;color:var(--dim);margin-left:6px}
        .gates{
          display:grid; grid-template-columns:auto fit-content(34%) minmax(0,1fr);
          background:var(--card); border:1px solid var(--rule); border-radius:10px;
        }
        .gates li{
          display:grid; grid-column:1/-1; grid-template-columns:subgrid; gap:14px;
          padding:9px 16px; align-items:baseline;
        }
        .gates li+li{border-top:1px solid var(--rule)}
        .gates .passed b{color:var(--green)}
        .gates .missed b{color:var(--red)}
        .gates .not_judged b{color:var(--amber)}
        .gates span{color:var(--dim)}
        .tiles{
          display:grid; grid-template-columns:repeat(auto-fit,minmax(168px,1fr)); gap:12px;
          margin-top:16px;
        }
        .of6{grid-template-columns:repeat(6,minmax(0,1fr))}
        .tile,.group,figure{
          background:var(--card); border:1px solid var(--rule); border-radius:10px;
        }
        .tile{padding:12px 16px}
        .tile h3{color:var(--dim);margin:0;font-weight:500}
        .tile p{margin:0;color:var(--dim);font-size:13px}
        .tile .figure{
          display:flex; gap:6px; align-items:baseline; flex-wrap:wrap; color:var(--ink);
          margin:2px 0 4px;
        }
        .tile .figure b{font-size:25px;font-weight:650;line-height:1.2}
        .groups,.figures{display:flex;flex-wrap:wrap;gap:12px}
        .group{padding:14px 18px;font-size:14px;flex:1 1 calc(50% - 6px);min-width:0}
        .wide{flex-basis:100%}
        table{border-collapse:collapse;width:100%}
        th,td{
          padding:4px 0 4px 10px; text-align:left; font-weight:400;
          border-top:1px solid var(--grid);
        }
        th:first-child,td:first-child{padding-left:0;overflow-wrap:anywhere}
        th{color:var(--dim);border:0;font-size:13px;padding-top:0}
        .n{text-align:right;white-space:nowrap}
        .note td{color:var(--dim);font-size:13px}
        table+p,.group>p{margin-top:8px;font-size:13px}
        figure{
          display:flex; flex-direction:column; margin:0 0 12px; padding:14px 16px 8px;
          break-inside:avoid; min-width:0;
        }
        .key-line{font-size:13.5px;margin-bottom:12px}
        .figures figure{margin:0;flex:1 1 calc(50% - 6px)}
        .figures+figure{margin-top:12px}
        figcaption{margin-bottom:10px}
        figcaption b{display:block;font-weight:650}
        figcaption span{color:var(--dim);font-size:13px}
        .legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:13px;margin-top:4px}
        .legend i,.key i,i.outside{
          display:inline-block; width:12px; height:10px; border-radius:2px; margin-right:6px;
          border:0;
        }
        .key{white-space:nowrap;margin-right:8px}
        i.outside{border:1px solid var(--rule);background:var(--shade);margin-right:4px}
        .plot{padding:0 58px 0 54px;margin-top:auto;container-type:inline-size}
        .plot>svg{display:block;width:100%;overflow:visible}
        svg text{font-size:11.5px;fill:var(--dim);dominant-baseline:middle}
        .low{text-anchor:end}
        .under{text-anchor:middle}
        @container (max-width:380px) {
          .spare{display:none}
        }
        svg .name{font-weight:650}
        .grid{stroke:var(--grid)}
        .line{
          fill:none; stroke-width:1.8; vector-effect:non-scaling-stroke; stroke-linejoin:round;
          stroke-linecap:round;
        }
        .line.weak{stroke-dasharray:.1 4.5}
        .area{stroke:none;fill:var(--sky)}
        .outer{opacity:.16}
        .inner{opacity:.3}
        .p50{stroke:var(--blue)}
        .p90,.p99{stroke:var(--blue);stroke-width:1.2}
        .p99{opacity:.8}
        .name.p50,.name.p90,.name.p99{stroke:none;fill:var(--blue);opacity:1}
        .asked{stroke:var(--dim);stroke-width:1.2;stroke-dasharray:4 4}
        .name.asked{stroke:none}
        .bar{fill:var(--bar)}
        svg .outside{fill:var(--shade)}
        .curve0{stroke:var(--blue)}
        .curve1{stroke:var(--teal)}
        .curve2{stroke:var(--violet)}
        .curve3{stroke:var(--amber)}
        .curve4{stroke:var(--pink)}
        .name.curve0{stroke:none;fill:var(--blue)}
        .name.curve1{stroke:none;fill:var(--teal)}
        .name.curve2{stroke:none;fill:var(--violet)}
        .name.curve3{stroke:none;fill:var(--amber)}
        .name.curve4{stroke:none;fill:var(--pink)}
        .kind0{fill:var(--red);background:var(--red)}
        .kind1{fill:var(--amber);background:var(--amber)}
        .kind2{fill:var(--violet);background:var(--violet)}
        .kind3{fill:var(--teal);background:var(--teal)}
        .kind4{fill:var(--blue);background:var(--blue)}
        .kind5{fill:var(--bar);background:var(--bar)}
        .health0{fill:var(--h0);background:var(--h0)}
        .health1{fill:var(--h1);background:var(--h1)}
        .health2{fill:var(--h2);background:var(--h2)}
        .health3{fill:var(--h3);background:var(--h3)}
        path.connect{fill:var(--violet)}
        path.wait{fill:var(--bar);opacity:.55}
        path.flow{fill:var(--sky);opacity:.35}
        path.stall{fill:var(--h2);opacity:.75}
        path.token{fill:none;stroke:var(--blue);stroke-width:1.1;vector-effect:non-scaling-stroke}
        path.end{fill:none;stroke-width:2.4;vector-effect:non-scaling-stroke}
        path.completed{stroke:var(--green)}
        path.failed{stroke:var(--red)}
        path.cut{stroke:var(--dim)}
        i.connect{background:var(--violet)}
        i.wait{background:var(--bar);opacity:.7}
        i.token{background:var(--blue);width:3px}
        i.stall{background:var(--h2)}
        i.completed,i.failed,i.cut{width:4px}
        i.completed{background:var(--green)}
        i.failed{background:var(--red)}
        i.cut{background:var(--dim)}
        footer{color:var(--dim);font-size:13px;padding-top:20px;padding-bottom:32px}
        @media (max-width:1130px) {
          .of6{grid-template-columns:repeat(3,minmax(0,1fr))}
        }
        @media (max-width:950px) {
          .of5{grid-template-columns:repeat(3,minmax(0,1fr))}
        }
        @media (max-width:820px) {
          .of4{grid-template-columns:repeat(2,minmax(0,1fr))}
          .group,.figures figure{flex-basis:100%}
          dl.plan{columns:1}
        }
        @media (max-width:720px) {
          header,main,footer{padding-left:12px;padding-right:12px}
          h1{font-size:19px}
          .state b{font-size:24px}
          .gates{grid-template-columns:auto minmax(0,1fr)}
          .gates li{gap:2px 12px}
          .gates span{grid-column:1/-1}
          .tiles{grid-template-columns:repeat(2,minmax(0,1fr));gap:8px}
          .tile{padding:10px 12px}
          .tile:last-child:nth-child(odd){grid-column:1/-1}
          th.n{white-space:normal}
          .tile .figure b{font-size:21px}
          .group{padding:12px}
          dl div{grid-template-columns:104px minmax(0,1fr)}
          figure{padding:12px 10px 6px}
          .plot{padding:0 50px 0 48px}
          .cards tr{
            display:grid; grid-template-columns:repeat(4,minmax(0,1fr)); gap:2px 8px;
            padding:8px 0; border-top:1px solid var(--grid);
          }
          .cards td{border:0;padding:0}
          .cards td:first-child,.cards .note td{grid-column:1/-1}
          .cards td:first-child{font-weight:650}
          .cards .note td{font-weight:400}
          .cards .n{text-align:left}
          .cards .n::before{content:attr(data-name);display:block;color:var(--dim);font-size:12px}
          .cards tr:first-child{display:none}
        }
        @media print {
          :root{
            --back:#fff; --card:#fff; --ink:#000; --dim:#444; --rule:#ccc; --grid:#ddd;
            --blue:#1f5fd0; --teal:#00776b; --violet:#7440c9; --amber:#9a5b00; --red:#c42126;
            --green:#13743a; --pink:#b0246f; --sky:#1f5fd0; --shade:#eee; --bar:#8fa3b8;
            --amber-back:#fff; --red-back:#fff; --green-back:#fff; --h0:#bfe3cb; --h1:#f2d68c;
            --h2:#ef9a4a; --h3:#d43a3a;
          }
          *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
          body{font-size:11px}
          header,main,footer{max-width:none;padding-left:0;padding-right:0}
          .verdict{border:1px solid var(--rule);border-left-width:6px}
          .tile,.group,figure,.gates li,tr{break-inside:avoid}
          h2,h3{break-after:avoid}
          h1{font-size:18px}
          h2{margin-top:20px}
          .tile .figure b{font-size:18px}
          @page{margin:14mm}
        }

        """
}
