"use client";
import { ClipboardCopy, Download } from "lucide-react";
import { shortId } from "@/app/_lib/format";
import { saveFile } from "@/app/_lib/save-file";
import type { Leaderboard } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { useNotify } from "@/app/_ui/toast";
import { toCsv, toLatex, toMarkdown, type ExportTable } from "@/contracts/leaderboard-export";
import { publishedRowsFor, type PaperChoice } from "./published";
import { cautiousP, columnTitle } from "./text";

const FORMATS = [
  { id: "csv", label: "CSV", type: "text/csv", write: toCsv },
  { id: "md", label: "Markdown", type: "text/markdown", write: toMarkdown },
  { id: "tex", label: "LaTeX", type: "application/x-tex", write: toLatex },
] as const;

/** What the page shows, as a table of the formats' own. */
export function exportTable(board: Leaderboard, published: PaperChoice | null): ExportTable {
  const scope = board.scopes.find((s) => s.key === board.scope);
  const twice = new Set(board.rows.map((row) => row.label).filter((label, i, all) => all.indexOf(label) !== i));
  return {
    caption: scope ? `Corpus ${scope.corpus}, generator ${scope.generator} (${scope.promptStyle}), scorer ${scope.scorer}` : "",
    columns: board.columns.map((column) => columnTitle(column, board.columns)),
    rows: [
      ...board.rows.map((row) => ({
        label: twice.has(row.label) ? `${row.label} (${row.detail || shortId(row.cells.find((cell) => cell)?.runId ?? "")})` : row.label,
        published: false,
        cells: row.cells.map((cell) => cell && { value: cell.mean * 100, low: cell.low * 100, high: cell.high * 100, p: cell.comparison ? cautiousP(cell.comparison) : null, note: cell.reason }),
      })),
      ...(published ? publishedRowsFor(published, board.columns).map((row) => ({ label: `${row.method} (${row.detail})`, published: true, cells: row.cells.map((value) => (value === null ? null : { value })) })) : []),
    ],
  };
}

export function ExportMenu({ board, published }: { board: Leaderboard; published: PaperChoice | null }) {
  const notify = useNotify();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button size="sm">
          <Download /> Export
        </Button>
      </MenuTrigger>
      <MenuContent>
        {FORMATS.map(({ id, label, type, write }) => (
          <MenuItem key={id} onSelect={() => saveFile(`leaderboard.${id}`, type, write(exportTable(board, published)))}>
            <Download /> {label}
          </MenuItem>
        ))}
        <MenuItem
          onSelect={() =>
            void navigator.clipboard.writeText(toMarkdown(exportTable(board, published))).then(
              () => notify("good", "Copied as Markdown"),
              (error: Error) => notify("bad", `Not copied: ${error.message}`),
            )
          }
        >
          <ClipboardCopy /> Copy Markdown
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
