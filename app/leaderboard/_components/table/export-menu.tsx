"use client";
import { ClipboardCopy, Download } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { copyText } from "@/app/_lib/copy-text";
import { saveFile } from "@/app/_lib/save-file";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { useNotify } from "@/app/_ui/toast";
import { formatCsv, formatLatex, formatMarkdown } from "@/core/comparability/results-table";
import { buildExportTable } from "./export-table";
import type { PaperChoice } from "./published";

const FORMATS = [
  { id: "csv", label: "CSV", type: "text/csv", write: formatCsv },
  { id: "md", label: "Markdown", type: "text/markdown", write: formatMarkdown },
  { id: "tex", label: "LaTeX", type: "application/x-tex", write: formatLatex },
] as const;

type ExportMenuProps = { board: Leaderboard; published: PaperChoice | null };

/** Saves or copies the leaderboard as a table. */
export function ExportMenu({ board, published }: ExportMenuProps) {
  const t = useText();
  const notify = useNotify();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button size="sm">
          <Download /> {t("Export")}
        </Button>
      </MenuTrigger>
      <MenuContent>
        {FORMATS.map(({ id, label, type, write }) => (
          <MenuItem
            key={id}
            onSelect={() =>
              saveFile(`leaderboard.${id}`, type, write(buildExportTable(board, published)))
            }
          >
            <Download /> {label}
          </MenuItem>
        ))}
        <MenuItem
          onSelect={() =>
            copyText(
              t,
              formatMarkdown(buildExportTable(board, published)),
              t("Copied as Markdown"),
              notify,
            )
          }
        >
          <ClipboardCopy /> {t("Copy Markdown")}
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
