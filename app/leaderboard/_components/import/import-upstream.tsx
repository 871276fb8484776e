"use client";
import { FolderUp } from "lucide-react";
import dynamic from "next/dynamic";
import { useCallback, useEffect, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useDialogParam } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { readDroppedFiles, readPickedFiles, type PathFile } from "./dropped-files";

/** Loaded once files are chosen: it knows every form of upstream's files. */
const ImportFolder = dynamic(() => import("./import-folder").then((m) => m.ImportFolder), {
  ssr: false,
});

const DIALOGS = ["import"] as const;

/** Imports upstream's result files: by a button, or dropped anywhere on the page. */
export function ImportUpstream() {
  const t = useText();
  const [open, setOpen] = useDialogParam(DIALOGS);
  const [files, setFiles] = useState<{ id: number; files: Promise<PathFile[]> } | null>(null);
  const [over, setOver] = useState(false);
  const openFiles = useCallback(
    (taken: Promise<PathFile[]>): void => {
      setFiles((last) => ({ id: (last?.id ?? 0) + 1, files: taken }));
      setOpen("import");
    },
    [setOpen],
  );
  useEffect(() => {
    const holdsFiles = (event: DragEvent): boolean =>
      event.dataTransfer?.types.includes("Files") ?? false;
    const onDragOver = (event: DragEvent): void => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onDragLeave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent): void => {
      setOver(false);
      if (!holdsFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      openFiles(readDroppedFiles(event.dataTransfer));
    };
    window.addEventListener("dragover", onDragOver);
    window.addEventListener("dragleave", onDragLeave);
    window.addEventListener("drop", onDrop);
    return () => {
      window.removeEventListener("dragover", onDragOver);
      window.removeEventListener("dragleave", onDragLeave);
      window.removeEventListener("drop", onDrop);
    };
  }, [openFiles]);
  return (
    <>
      <Button size="sm" onClick={() => setOpen("import")}>
        <FolderUp /> {t("Import results")}
      </Button>
      {over ? (
        <div
          className="pointer-events-none fixed inset-3 z-60 grid place-items-center rounded-xl border-2 border-dashed border-primary bg-background/85"
          data-drop-zone
        >
          <p className="text-base font-medium">
            {t("Drop a folder of upstream's results, or single files")}
          </p>
        </div>
      ) : null}
      <Dialog
        open={open === "import"}
        onOpenChange={(isOpen) => setOpen(isOpen ? "import" : null)}
        title={t("Import upstream's results")}
        description={t(
          "DATASET_output_sequences.json of s3, IRCoT and Search-o1, rag_cache.json, results/NAME.json, NAME_stats.json, and verl's rollout JSONL become runs, marked as imported.",
        )}
        className="max-w-2xl"
      >
        <div className="rounded-lg border border-dashed px-4 py-5 text-center">
          <p className="text-muted-foreground">
            {t("Drop a folder or files anywhere on this page, or")}
          </p>
          <div className="mt-2 flex flex-wrap justify-center gap-2">
            <FilePicker label={t("Choose a folder")} folder onPick={openFiles} />
            <FilePicker label={t("Choose files")} onPick={openFiles} />
          </div>
        </div>
        {files ? <ImportFolder key={files.id} files={files.files} /> : null}
      </Dialog>
    </>
  );
}

interface FilePickerProps {
  label: string;
  folder?: boolean;
  onPick: (files: Promise<PathFile[]>) => void;
}

const PICK_FOLDER = { webkitdirectory: "" };
const PICK_FILES = { accept: ".json,.jsonl" };

function FilePicker({ label, folder = false, onPick }: FilePickerProps) {
  return (
    <Button size="sm" asChild>
      <label className="cursor-pointer focus-within:ring-2 focus-within:ring-primary/40">
        {label}
        <input
          type="file"
          multiple
          className="sr-only"
          aria-label={label}
          {...(folder ? PICK_FOLDER : PICK_FILES)}
          onChange={(event) => {
            if (event.target.files && event.target.files.length > 0)
              onPick(Promise.resolve(readPickedFiles(event.target.files)));
            event.target.value = "";
          }}
        />
      </label>
    </Button>
  );
}
