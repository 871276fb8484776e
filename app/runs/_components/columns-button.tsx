"use client";
import { Columns3 } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";

/** Loaded when it is opened first: it knows every setting. */
const ColumnsDialog = dynamic(() => import("./columns-dialog").then((m) => m.ColumnsDialog), {
  ssr: false,
});

/** Opens the choice of further columns of the table; named by its icon alone where the line is short. */
export function ColumnsButton({
  columns,
  onColumns,
}: {
  columns: readonly string[];
  onColumns: (columns: string[]) => void;
}) {
  const t = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button className="hidden md:inline-flex" title={t("Columns")} onClick={() => setOpen(true)}>
        <Columns3 /> <span className="max-2xl:sr-only">{t("Columns")}</span>
      </Button>
      {open ? (
        <ColumnsDialog columns={columns} onColumns={onColumns} onClose={() => setOpen(false)} />
      ) : null}
    </>
  );
}
