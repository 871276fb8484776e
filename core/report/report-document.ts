import type { RunReport } from "@/contracts/api/report";
import type { Translate } from "@/core/texts/format-text";
import { LANGUAGE_TAGS } from "@/core/texts/languages";
import { escapeHtml, formatHtml } from "./report-node";
import { buildRunReport } from "./run-report";

/** How a report looks on a page, in a file and on paper. Colours are of a palette that is safe for colour blindness. */
export const REPORT_STYLES = `
.run-report { --ink: #1b1d22; --quiet: #595e69; --rule: #d8dbe0; max-width: 62rem; color: var(--ink); font: 14px/1.5 system-ui, sans-serif; }
.run-report h1 { font-size: 1.5rem; font-weight: 600; overflow-wrap: anywhere; }
.run-report h2 { margin: 1.75rem 0 0.5rem; font-size: 1.05rem; font-weight: 600; }
.run-report h3 { font-weight: 600; }
.run-report .quiet, .run-report dt, .run-report figcaption, .run-report .legend { color: var(--quiet); }
.run-report .claim { margin: 1rem 0; padding: 0.6rem 0.9rem; border-left: 4px solid #595e69; background: #f3f4f6; overflow-wrap: anywhere; white-space: pre-wrap; }
.run-report .claim.learns { border-color: #00785a; }
.run-report .claim.worse, .run-report .claim.collapsed { border-color: #b3261e; }
.run-report .claim.nothing-to-learn { border-color: #9a6700; }
.run-report .notes { white-space: pre-wrap; }
.run-report dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1rem; margin: 0; }
.run-report dd { margin: 0; overflow-wrap: anywhere; }
.run-report table { width: 100%; border-collapse: collapse; text-align: left; font-size: 0.85rem; }
.run-report th, .run-report td { padding: 0.2rem 0.75rem 0.2rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; overflow-wrap: anywhere; }
.run-report .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 1rem; }
.run-report .chart, .run-report .episode { margin: 0; break-inside: avoid; }
.run-report svg { display: block; width: 100%; height: auto; }
.run-report .grid { stroke: var(--rule); stroke-width: 0.75; }
.run-report .tick { fill: var(--quiet); font-size: 9px; }
.run-report .line { fill: none; stroke-width: 1.75; stroke: currentColor; }
.run-report .dot { fill: currentColor; }
.run-report .line-0 { color: #0060a8; }
.run-report .line-1 { color: #a84300; stroke-dasharray: 5 3; }
.run-report .key { margin-right: 1rem; }
.run-report ol { margin: 0.25rem 0; padding-left: 1.4rem; list-style: decimal; }
.run-report .episode { margin-top: 0.9rem; }
`;

/** A report as one file that opens without a server: text, charts and, for programs, the data. */
export function formatReportDocument(t: Translate, report: RunReport): string {
  // "<" cannot close the element that the data stands in.
  const data = JSON.stringify(report).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="${LANGUAGE_TAGS[t.language]}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(report.run.name)}</title>
<style>body { margin: 2rem auto; padding: 0 1rem; max-width: 62rem; background: #fff; }
${REPORT_STYLES}@media print { body { margin: 0; padding: 0; } }</style>
</head>
<body>
${formatHtml(buildRunReport(t, report))}
<script type="application/json" id="data">${data}</script>
</body>
</html>
`;
}
