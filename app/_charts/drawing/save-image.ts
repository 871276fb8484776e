import { saveFile } from "@/app/_lib/save-file";
import type { LegendEntry } from "./legend";
import { formatFileName } from "@/app/_charts/prepare/export";

/** Saves a drawn plot as a picture, with its title and legend, in the colours that the page shows it in. */

const TITLE_HEIGHT = 26;
const LEGEND_LINE = 18;
const SVG = "http://www.w3.org/2000/svg";

/** Attributes that may hold a variable of the page's style, which means nothing outside of it. */
const PAINTS = ["fill", "stroke"] as const;

function resolvePaints(copy: Element, drawn: Element): void {
  for (const paint of PAINTS)
    if (copy.getAttribute(paint)?.match(/var\(|currentColor/))
      copy.setAttribute(paint, getComputedStyle(drawn).getPropertyValue(paint));
  copy.removeAttribute("class");
  copy.removeAttribute("style");
  [...copy.children].forEach((child, i) => resolvePaints(child, drawn.children[i]!));
}

function addText(parent: Element, text: string, attributes: Record<string, string | number>): void {
  const element = document.createElementNS(SVG, "text");
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  parent.append(element);
}

function addShape(parent: Element, name: string, attributes: Record<string, string | number>) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  parent.append(element);
  return element;
}

/** The picture as SVG text that stands alone. Null while the plot is not drawn. */
function buildSvg(
  plot: HTMLElement,
  title: string,
  legend: readonly LegendEntry[],
): { text: string; width: number; height: number } | null {
  const drawn = plot.querySelector("svg");
  if (!drawn) return null;
  const { width, height: plotHeight } = drawn.getBoundingClientRect();
  const probe = getComputedStyle(plot);
  const ink = probe.color;
  const shown = legend.filter(({ isHidden }) => !isHidden);
  const height = TITLE_HEIGHT + plotHeight + 8 + shown.length * LEGEND_LINE;
  const root = document.createElementNS(SVG, "svg");
  const rootAttributes = { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` };
  for (const [name, value] of Object.entries(rootAttributes))
    root.setAttribute(name, String(value));
  root.setAttribute("font-family", "sans-serif");
  const card = getComputedStyle(plot.closest("article, [role=dialog], section") ?? document.body);
  addShape(root, "rect", { width, height, fill: card.backgroundColor });
  addText(root, title, { x: 12, y: 18, "font-size": 13, "font-weight": 600, fill: ink });
  const body = addShape(root, "g", { transform: `translate(0 ${TITLE_HEIGHT})` });
  const copy = drawn.cloneNode(true) as SVGElement;
  resolvePaints(copy, drawn);
  body.append(...copy.childNodes);
  shown.forEach(({ style }, i) => {
    const y = TITLE_HEIGHT + plotHeight + 16 + i * LEGEND_LINE;
    const stroke = style.colour.replace(/var\((--[\w-]+)\)/, (_, name: string) =>
      probe.getPropertyValue(name),
    );
    const dash = style.dashed === true ? "4 3" : style.dashed || "none";
    addShape(root, "line", {
      x1: 12,
      x2: 32,
      y1: y - 4,
      y2: y - 4,
      stroke,
      "stroke-width": 2.5,
      "stroke-dasharray": dash,
    });
    addText(root, style.label, { x: 38, y, "font-size": 11, fill: ink });
  });
  return { text: new XMLSerializer().serializeToString(root), width, height };
}

/** Saves a plot as an SVG file; false where it is not drawn yet. */
export function savePlotSvg(plot: HTMLElement, title: string, legend: readonly LegendEntry[]) {
  const svg = buildSvg(plot, title, legend);
  if (svg) saveFile(`${formatFileName(title)}.svg`, "image/svg+xml", svg.text);
  return svg !== null;
}

/** Pixels of the file for one of the page. */
const PNG_SCALE = 2;

/** Saves a plot as a PNG file; false where it is not drawn yet or the browser cannot draw it. */
export async function savePlotPng(
  plot: HTMLElement,
  title: string,
  legend: readonly LegendEntry[],
): Promise<boolean> {
  const svg = buildSvg(plot, title, legend);
  if (!svg) return false;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg.text)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), {
    width: svg.width * PNG_SCALE,
    height: svg.height * PNG_SCALE,
  });
  const context = canvas.getContext("2d");
  if (!context) return false;
  context.scale(PNG_SCALE, PNG_SCALE);
  context.drawImage(image, 0, 0);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob) saveFile(`${formatFileName(title)}.png`, "image/png", blob);
  return blob !== null;
}
