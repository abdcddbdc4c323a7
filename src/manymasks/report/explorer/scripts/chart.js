// Line charts, as SVG.

import { shape } from "./elements.js";

/**
 * Lines over numbers. `lines`: name, class and points [x, y] of each; `x` is a label, `at` a marked
 * number. Points without a value are left out.
 */
export function lineChart({ lines, x, at, low = 0, label }) {
  const [width, height, left, bottom] = [520, 240, 48, 36];
  const points = lines.flatMap((line) => line.points).filter(([, value]) => value !== null);
  const xs = points.map(([value]) => value);
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const top = Math.max(...points.map(([, value]) => value), low + 1e-6) * 1.05;
  const across = (value) => left + ((value - first) / (last - first || 1)) * (width - left - 110);
  const up = (value) => height - bottom - ((value - low) / (top - low)) * (height - bottom - 14);
  const marks = [...new Set(xs)].sort((one, other) => one - other);
  const chart = shape("svg", {
    viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label,
  });
  for (const part of [0, 0.5, 1]) {
    const value = low + part * (top - low);
    chart.append(
      shape("line", { class: "grid", x1: left, x2: width - 110, y1: up(value), y2: up(value) }),
      shape("text", { class: "tick", x: left - 6, y: up(value) + 4, "text-anchor": "end" },
        value.toFixed(2)));
  }
  for (const value of marks) {
    chart.append(shape("text", {
      class: "tick", x: across(value), y: height - bottom + 16, "text-anchor": "middle",
    }, String(value)));
  }
  if (at !== undefined) {
    chart.append(shape("line", {
      class: "cursor", x1: across(at), x2: across(at), y1: 10, y2: height - bottom,
    }));
  }
  chart.append(
    shape("text", { class: "tick", x: (left + width - 110) / 2, y: height - 4,
      "text-anchor": "middle" }, x));
  const ends = [];
  for (const { name, style, points: ofLine } of lines) {
    const shown = ofLine.filter(([, value]) => value !== null);
    chart.append(shape("polyline", {
      class: `line ${style}`, points: shown.map(([a, b]) => `${across(a)},${up(b)}`).join(" "),
    }, shape("title", {}, name)));
    for (const [a, b] of shown) {
      chart.append(shape("circle", { class: `line ${style} dot`, cx: across(a), cy: up(b), r: 2.5 },
        shape("title", {}, `${name}: ${b.toFixed(3)} at ${a}`)));
    }
    if (name && shown.length) ends.push({ name, style, y: up(shown.at(-1)[1]) });
  }
  ends.sort((one, other) => one.y - other.y);
  ends.forEach((end, number) => {
    if (number) end.y = Math.max(end.y, ends[number - 1].y + 12);
    chart.append(shape("text", { class: `label ${end.style}`, x: width - 104, y: end.y + 4 },
      end.name));
  });
  return chart;
}
