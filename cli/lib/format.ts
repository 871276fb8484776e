/** Text of the command line: tables, numbers and times. */

/** Aligns cells in columns, each as wide as its widest cell. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => String(row[i] ?? "").length)),
  );
  const formatLine = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : String(cell).padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return [formatLine(head), ...rows.map(formatLine)].join("\n");
}

/** Formats the time from start to end, or until now: "1 h 02 min", "4 min 10 s", "12 s". */
export function formatDuration(start: Date | null, end: Date | null): string {
  if (!start) return "";
  const seconds = Math.max(0, Math.round(((end ?? new Date()).getTime() - start.getTime()) / 1000));
  const padTwo = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${padTwo(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${padTwo(Math.floor((seconds % 3600) / 60))} min`;
}

/** Three decimals; empty for no value. */
export const formatNumber = (value: number | null): string =>
  value === null ? "" : value.toFixed(3);

/** A share as per cent with one decimal; "–" for no value. */
export const formatShare = (value: number | null): string =>
  value === null ? "–" : `${(100 * value).toFixed(1)}%`;

/** Megabytes with one decimal. */
export const formatMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** The first eight characters of an id, enough to name a run. */
export const shortenId = (id: string): string => id.slice(0, 8);
