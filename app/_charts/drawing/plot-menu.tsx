"use client";
import { EllipsisVertical, Expand, FileSpreadsheet, Image, Table2 } from "lucide-react";
import type { RefObject } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { useNotify } from "@/app/_ui/toast";
import type { LegendEntry } from "./legend";

/** How a plot is opened over the whole window. */
export type OpenPlot = "chart" | "table";

interface PlotMenuProps {
  label: string;
  legend: readonly LegendEntry[];
  plot: RefObject<HTMLElement | null>;
  /** Absent: it is open over the whole window already. */
  onOpen?: (open: OpenPlot) => void;
  saveCsv: () => Promise<void>;
  /** Absent: what it draws is all there is. */
  savePoints?: () => Promise<void>;
}

/** What can be done with a plot: opened larger, read as a table, saved. */
export function PlotMenu({ label, legend, plot, onOpen, saveCsv, savePoints }: PlotMenuProps) {
  const t = useText();
  const notify = useNotify();
  const savePicture = (name: "savePlotPng" | "savePlotSvg"): void => {
    const drawn = plot.current;
    if (!drawn) return;
    void import("./save-image")
      .then((saving) => saving[name](drawn, label, legend))
      .then(
        (isSaved) => isSaved || notify("bad", t("The chart is not drawn yet")),
        () => notify("bad", t("The browser could not draw the picture")),
      );
  };
  const save = (values: () => Promise<void>): void =>
    void values().catch(() => notify("bad", t("The values could not be saved")));
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button
          variant="ghost"
          size="icon-sm"
          className="-mr-1.5 print:hidden"
          aria-label={t("{label}: full screen, table, export", { label })}
        >
          <EllipsisVertical />
        </Button>
      </MenuTrigger>
      <MenuContent>
        {onOpen ? (
          <>
            <MenuItem onSelect={() => onOpen("chart")}>
              <Expand aria-hidden /> {t("Full screen")}
            </MenuItem>
            <MenuItem onSelect={() => onOpen("table")}>
              <Table2 aria-hidden /> {t("Show as table")}
            </MenuItem>
          </>
        ) : null}
        <MenuItem onSelect={() => savePicture("savePlotPng")}>
          <Image aria-hidden /> {t("Save as PNG")}
        </MenuItem>
        <MenuItem onSelect={() => savePicture("savePlotSvg")}>
          <Image aria-hidden /> {t("Save as SVG")}
        </MenuItem>
        <MenuItem onSelect={() => save(saveCsv)}>
          <FileSpreadsheet aria-hidden /> {t("Save values as CSV")}
        </MenuItem>
        {savePoints ? (
          <MenuItem onSelect={() => save(savePoints)}>
            <FileSpreadsheet aria-hidden /> {t("Save all reported points as CSV")}
          </MenuItem>
        ) : null}
      </MenuContent>
    </Menu>
  );
}
