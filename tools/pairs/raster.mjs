// Draws SVGs as PNGs: reads one JSON job a line, {"svg": text or path, "size": pixels of the longer side, "out": path}.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Resvg } = createRequire(process.argv[2] + "/")("@resvg/resvg-js");
for (const line of readFileSync(0, "utf8").split("\n")) {
  if (!line) continue;
  const job = JSON.parse(line);
  const svg = job.svg.startsWith("<") ? job.svg : readFileSync(job.svg, "utf8");
  try {
    const probe = new Resvg(svg, { font: { loadSystemFonts: false } });
    const mode = probe.width >= probe.height ? "width" : "height";
    const picture = new Resvg(svg, { font: { loadSystemFonts: false }, fitTo: { mode, value: job.size } });
    writeFileSync(job.out, picture.render().asPng());
  } catch (error) {
    console.error(`raster.mjs: ${job.out}: ${error}`);
  }
}
