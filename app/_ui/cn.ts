import { clsx, type ClassValue } from "clsx";
import { createTailwindMerge } from "tailwind-merge";

/*
 * The groups of classes that contradict each other, those that this interface uses: the library's table of all that
 * Tailwind has is 6 KB of every page. cn.test.ts finds the classes of the source that the two tables merge differently.
 */

const any = () => true;
const isCount = (value: string): boolean => /^\d+$/.test(value);

/** Each name begins the classes of one group, e.g. "px" those of "px-2". */
const PREFIXES =
  "p px py pt pr pb pl m mx my mt mr mb ml size w h min-w max-w min-h max-h gap gap-x gap-y space-x space-y inset inset-x inset-y top right bottom left z rounded rounded-t rounded-b bg fill opacity leading cursor overflow overflow-x overflow-y whitespace break items justify grow shrink basis order grid-cols col-span auto-cols grid-flow transition translate translate-x translate-y animate shadow select pointer-events underline-offset columns scroll-mt line-clamp align accent list justify-self break-inside";

const SIDES = ["", "-x", "-y", "-t", "-r", "-b", "-l"];

const merge = createTailwindMerge(() => ({
  cacheSize: 500,
  theme: {},
  classGroups: {
    ...Object.fromEntries(PREFIXES.split(" ").map((name) => [name, [{ [name]: ["", any] }]])),
    ...Object.fromEntries(
      SIDES.map((side) => [`border${side}`, [{ [`border${side}`]: ["", isCount] }]]),
    ),
    "border-style": [{ border: ["solid", "dashed", "dotted", "none"] }],
    "border-color": [{ border: [any] }],
    "decoration-style": [{ decoration: ["solid", "dashed", "dotted", "wavy"] }],
    decoration: [{ decoration: [any] }],
    display:
      "block inline inline-block flex inline-flex grid inline-grid table table-row table-cell contents hidden".split(
        " ",
      ),
    flex: [{ flex: ["auto", "none", isCount] }],
    "flex-direction": [{ flex: ["row", "col"] }],
    "flex-wrap": [{ flex: ["wrap", "nowrap"] }],
    "font-family": [{ font: ["sans", "mono"] }],
    "font-weight": [{ font: [any] }],
    "font-size": [
      {
        text: [(value: string) => /^(?:\d?x[sl]|xs|sm|base|lg|\[[\d.]+(?:rem|px)\])$/.test(value)],
      },
    ],
    "line-style": ["underline", "line-through", "no-underline"],
    "outline-style": [{ outline: ["none", "hidden"] }],
    outline: [{ outline: ["", isCount] }],
    "outline-color": [{ outline: [any] }],
    position: ["static", "fixed", "absolute", "relative", "sticky"],
    ring: [{ ring: ["", isCount] }],
    "ring-color": [{ ring: [any] }],
    "screen-reader": ["sr-only", "not-sr-only"],
    stroke: [{ stroke: [isCount] }],
    "stroke-color": [{ stroke: [any] }],
    "text-align": [{ text: ["left", "center", "right"] }],
    "text-wrap": [{ text: ["wrap", "nowrap", "balance", "pretty"] }],
    "text-color": [{ text: [any] }],
    visibility: ["visible", "invisible"],
  },
  conflictingClassGroups: {
    p: ["px", "py", "pt", "pr", "pb", "pl"],
    px: ["pr", "pl"],
    py: ["pt", "pb"],
    m: ["mx", "my", "mt", "mr", "mb", "ml"],
    mx: ["mr", "ml"],
    my: ["mt", "mb"],
    size: ["w", "h"],
    gap: ["gap-x", "gap-y"],
    inset: ["inset-x", "inset-y", "top", "right", "bottom", "left"],
    "inset-x": ["right", "left"],
    "inset-y": ["top", "bottom"],
    overflow: ["overflow-x", "overflow-y"],
    rounded: ["rounded-t", "rounded-b"],
    border: ["border-x", "border-y", "border-t", "border-r", "border-b", "border-l"],
    "border-x": ["border-r", "border-l"],
    "border-y": ["border-t", "border-b"],
    translate: ["translate-x", "translate-y"],
    flex: ["basis", "grow", "shrink"],
    "font-size": ["leading"],
    "line-clamp": ["display", "overflow"],
  },
  conflictingClassGroupModifiers: {},
  orderSensitiveModifiers: ["*", "**", "after", "before", "file", "marker", "placeholder"],
}));

/** Joins class names; of two that contradict each other the later one counts. */
export const cn = (...inputs: ClassValue[]): string => merge(clsx(inputs));
