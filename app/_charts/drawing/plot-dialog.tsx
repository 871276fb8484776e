"use client";
import { useState } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatNumber } from "@/app/_lib/format/format";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import {
  buildPlotTable,
  type PlotTable,
  type PlotTableRequest,
} from "@/app/_charts/prepare/export";
import { PlotFrame, StepLabel, type PlotFrameProps } from "./plot-frame";
import type { OpenPlot } from "./plot-menu";

const TEXTS: Readonly<Record<OpenPlot, string>> = {
  chart: markText("Chart"),
  table: markText("Table"),
};
const HEIGHT = "min(60dvh, 44rem)";
const PAGE = 100;

interface PlotDialogProps {
  open: OpenPlot;
  onOpen: (open: OpenPlot | null) => void;
  frame: Omit<PlotFrameProps, "height" | "onOpen">;
  values: PlotTableRequest;
}

/** A plot over the whole window, as chart or as table. */
export function PlotDialog({ open, onOpen, frame, values }: PlotDialogProps) {
  const t = useText();
  return (
    <Dialog
      open
      onOpenChange={(isOpen) => isOpen || onOpen(null)}
      title={frame.label}
      className="max-w-[calc(100vw-2rem)] 2xl:max-w-[110rem]"
    >
      <div className="flex items-center justify-between gap-3">
        <SegmentedControl
          label={t("Show as")}
          value={open}
          options={["chart", "table"]}
          text={(value) => t(TEXTS[value])}
          onChange={onOpen}
        />
        {open === "chart" ? <StepLabel /> : null}
      </div>
      {open === "chart" ? (
        <PlotFrame {...frame} height={HEIGHT} />
      ) : (
        <ValueTable label={frame.label} table={buildPlotTable(t, values)} />
      )}
    </Dialog>
  );
}

/** The values that the plot draws. */
function ValueTable({ label, table: { columns, rows } }: { label: string; table: PlotTable }) {
  const t = useText();
  const [shown, setShown] = useState(PAGE);
  return (
    <>
      <ScrollRegion
        label={t("Values of {label}", { label })}
        className="mt-3 max-h-[65dvh] overflow-y-auto"
      >
        <table className="w-full text-right font-mono text-xs">
          <thead className="sticky top-0 bg-card text-muted-foreground">
            <tr>
              {columns.map((column, i) => (
                <th key={i} scope="col" className="px-2 py-1 font-normal">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map((row, number) => (
              <tr key={number} className="border-t">
                {row.map((value, i) => (
                  <td key={i} className="px-2 py-0.5">
                    {i === 0 ? value : formatNumber(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
      {rows.length > shown ? (
        <Button className="mt-2" onClick={() => setShown((count) => count + PAGE)}>
          {t("Show more")}
        </Button>
      ) : null}
    </>
  );
}
