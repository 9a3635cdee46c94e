/** Lines over blocks. What they show stands in tables too, so that nobody depends on seeing them. */
import { useEffect, useId, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { count } from "./text.ts";

export interface ChartProps {
  readonly title: string;
  readonly blocks: readonly number[];
  readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

const heightPixels = 260;

export function Chart({ title, blocks, series }: ChartProps) {
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const drawn = JSON.stringify([blocks, series]);
  // The same numbers in new arrays are no reason to draw again.
  useEffect(() => {
    const box = place.current!;
    let plot = draw(box, { title, blocks, series });
    const watcher = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: heightPixels }));
    watcher.observe(box);
    // Lines on a canvas keep their colours when the reader's preference changes.
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => {
      plot.destroy();
      plot = draw(box, { title, blocks, series });
    };
    dark.addEventListener("change", redraw);
    return () => {
      watcher.disconnect();
      dark.removeEventListener("change", redraw);
      plot.destroy();
    };
  }, [drawn]);
  return (
    <figure class="card" aria-labelledby={id}>
      <figcaption id={id}>{title}</figcaption>
      <div ref={place} class="chart" />
    </figure>
  );
}

function draw(box: HTMLElement, { blocks, series }: ChartProps): uPlot {
  const style = getComputedStyle(box);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: colour("quiet"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const show = (_: uPlot, value: number | null) => (value === null ? "–" : value.toFixed(4));
  const options: uPlot.Options = {
    width: box.clientWidth,
    height: heightPixels,
    scales: {
      x: { time: false },
      // Lines that never move stand on the axis instead of in a range that the library makes up.
      y: { range: (_, low, high) => (low === high ? [low, low + 1] : uPlot.rangeNum(low, high, 0.1, true)) },
    },
    cursor: { y: false },
    axes: [
      { ...axis, values: (_, splits) => splits.map((block) => (Number.isInteger(block) ? count(block) : "")) },
      { ...axis, size: 64 },
    ],
    series: [
      { label: "block", value: (_, block: number | null) => (block === null ? "–" : count(block)) },
      ...series.map(({ label }, index) => ({
        label,
        stroke: colour(`series-${index % seriesColours}`),
        width: index === 0 ? 2.5 : 1.5,
        spanGaps: false,
        points: { show: blocks.length <= 60, size: 5 },
        value: show,
      })),
    ],
  };
  return new uPlot(options, [[...blocks], ...series.map(({ values }) => [...values])], box);
}

/** How many `--series-N` there are. */
const seriesColours = 6;
