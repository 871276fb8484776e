"use client";
import { X } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { useChartScope, useZoom } from "./chart-scope";

/** Shows everything again, on all charts of the scope; nothing while everything is shown. */
export function ResetZoom() {
  const t = useText();
  const { zoom } = useChartScope();
  return useZoom() ? (
    <Button
      size="sm"
      variant="ghost"
      className="shrink-0 print:hidden"
      onClick={() => zoom.set(null)}
    >
      <X /> {t("Reset zoom")}
    </Button>
  ) : null;
}
