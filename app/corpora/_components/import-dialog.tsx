"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { IndexPlan } from "@/app/_retrieval/index-plan";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import { LabelledSwitch } from "@/app/_ui/switch";
import { useNotify } from "@/app/_ui/toast";
import { describeIssues } from "@/contracts/errors";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { getPublishedRetriever, suggestCorpusName } from "@/core/corpora/corpus-import";
import { CorpusPreview } from "./corpus-preview";
import { uploadFile } from "./upload-file";
import {
  buildImportPlanRequest,
  buildSource,
  canPreview,
  EMPTY_IMPORT,
  isComplete,
  type ImportForm,
  type UploadedFile,
} from "./import-form";
import { ReadingFields, SourceTabs } from "./source-fields";

/** Imports a corpus from an upload, a path, an address or the paper's list. */
export function ImportDialog({
  open,
  onOpenChange,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  const t = useText();
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      className="max-w-xl"
      title={t("Import a corpus")}
      description={t(
        "JSONL (id and contents, or id, title and text), CSV, TSV, parquet, or plain text and Markdown that is cut into passages. Gzipped files are unpacked.",
      )}
    >
      <ImportFields onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

/** The form of an import, what of it is sent, and the requests. */
function useCorpusImport(onDone: () => void) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [form, setForm] = useState<ImportForm>(EMPTY_IMPORT);
  const [named, setNamed] = useState(false);
  const [file, setFile] = useState<File | null>(null);
  const [sent, setSent] = useState<number | null>(null);
  /** What is previewed; of another source than the form's nothing is. */
  const [previewed, setPreviewed] = useState<UploadedFile | null>(null);
  const uploaded = useRef<{ file: File; id: string } | null>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const launch = useMutation(trpc.runs.launch.mutationOptions());

  /** A change of the source suggests a name, until the user types one. */
  const set = (changes: Partial<ImportForm>, from: File | null = file): void => {
    if (from !== file || ["kind", "path", "url"].some((key) => key in changes)) setPreviewed(null);
    setForm((before) => {
      const next = { ...before, ...changes };
      return named || "name" in changes
        ? next
        : { ...next, name: suggestCorpusName(next, from?.name ?? "") };
    });
  };

  /** Sends the file, unless it was sent for the preview; nothing where the source is no upload. */
  const bringFile = async (): Promise<UploadedFile> => {
    if (form.kind !== "upload") return { upload: "", fileName: "" };
    if (!file) throw new Error(t("Choose a file."));
    if (uploaded.current?.file !== file) {
      stop.current = new AbortController();
      setSent(0);
      const { id } = await uploadFile(t, file, setSent, stop.current.signal);
      uploaded.current = { file, id };
    }
    return { upload: uploaded.current.id, fileName: file.name };
  };
  const preview = useMutation({
    mutationFn: bringFile,
    onSuccess: setPreviewed,
    onSettled: () => setSent(null),
  });

  const start = useMutation({
    mutationFn: async () => {
      const source = buildSource(form, await bringFile());
      const retriever = getPublishedRetriever(form);
      return launch.mutateAsync({
        config: {
          kind: "index",
          name: `Import ${form.name}`,
          corpus: form.name,
          source,
          ...(retriever && { retriever }),
          buildIndex: form.buildIndex,
          worker: form.worker || null,
        },
      });
    },
    onSuccess: () => {
      notify("good", t("The import of {name} has started", { name: form.name }));
      void queryClient.invalidateQueries(trpc.runs.pathFilter());
      onDone();
    },
    onSettled: () => setSent(null),
  });
  return {
    form,
    set,
    setName: (name: string) => {
      setNamed(true);
      set({ name });
    },
    file,
    chooseFile: (chosen: File | null) => {
      setFile(chosen);
      set({}, chosen);
    },
    /** Share of the file that is sent; null where none is on its way. */
    sent,
    stopUpload: () => stop.current?.abort(),
    preview,
    previewed,
    start,
    isSending: preview.isPending || start.isPending,
  };
}

type CorpusImport = ReturnType<typeof useCorpusImport>;

function ImportFields({ onDone }: { onDone: () => void }) {
  const t = useText();
  const imported = useCorpusImport(onDone);
  const { form, set, file, sent, start } = imported;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate();
      }}
    >
      <SourceTabs form={form} set={set} onFile={imported.chooseFile} />
      <LabelledField
        id="import-name"
        label={t("Name")}
        hint={t("Letters, digits, dots, dashes and underscores; runs name the corpus by it.")}
      >
        <Input
          id="import-name"
          className="mt-1 font-mono text-xs"
          value={form.name}
          onChange={(event) => imported.setName(event.target.value.trim())}
        />
      </LabelledField>
      {form.kind === "preset" ? null : <SourcePreview imported={imported} />}
      <WorkerField worker={form.worker} onChange={(worker) => set({ worker })} />
      <LabelledSwitch
        id="import-build"
        label={t("Build the default index afterwards")}
        checked={form.buildIndex}
        onChange={(buildIndex) => set({ buildIndex })}
      />
      {form.buildIndex ? (
        <div className="mt-3">
          <IndexPlan question={buildImportPlanRequest(form)} />
        </div>
      ) : null}
      {start.isError ? (
        <ErrorState className="mt-3" title={t("The import did not start")} error={start.error} />
      ) : null}
      {sent !== null && file ? <UploadProgress sent={sent} size={file.size} /> : null}
      <div className="mt-4 flex gap-2">
        <Button
          type="submit"
          variant="primary"
          disabled={!isComplete(form, file !== null) || imported.isSending}
        >
          {t("Import")}
        </Button>
        {sent !== null ? (
          <Button onClick={imported.stopUpload}>{t("Stop the upload")}</Button>
        ) : null}
      </div>
    </form>
  );
}

/** What the source holds, once it is asked for, and how it is read. */
function SourcePreview({ imported }: { imported: CorpusImport }) {
  const t = useText();
  const { form, set, file, preview, previewed, isSending } = imported;
  const source =
    previewed === null
      ? null
      : corpusSourceSchema.safeParse(buildSource({ ...form, licence: "", sha256: "" }, previewed));
  return (
    <>
      <Button
        className="mt-3"
        disabled={!canPreview(form, file !== null) || isSending}
        onClick={() => preview.mutate()}
      >
        {t("Preview")}
      </Button>
      {preview.isError ? (
        <ErrorState className="mt-3" title={t("There is no preview")} error={preview.error} />
      ) : null}
      {source?.error ? (
        <ErrorState
          className="mt-3"
          title={t("There is no preview")}
          error={{ message: describeIssues(source.error) }}
        />
      ) : null}
      {source?.data ? (
        <CorpusPreview
          key={JSON.stringify([source.data, form.worker])}
          source={source.data}
          worker={form.worker || null}
        />
      ) : null}
      <ReadingFields form={form} set={set} isOpen={previewed !== null} />
    </>
  );
}

/** Which worker imports, where there are several. */
function WorkerField({ worker, onChange }: { worker: string; onChange: (id: string) => void }) {
  const t = useText();
  const workers = useQuery(useTRPC().workers.list.queryOptions());
  const online = workers.data?.filter(({ state }) => state === "online") ?? [];
  if (online.length <= 1) return null;
  return (
    <LabelledField id="import-worker" label={t("Worker")}>
      <Select
        id="import-worker"
        className="mt-1"
        value={worker}
        onChange={(event) => onChange(event.target.value)}
        options={[
          { value: "", text: t("any that is free") },
          ...online.map(({ id, name }) => ({ value: id, text: name })),
        ]}
      />
    </LabelledField>
  );
}

function UploadProgress({ sent, size }: { sent: number; size: number }) {
  const t = useText();
  return (
    <div className="mt-4">
      <Progress value={sent} label={t("Progress of the upload")} />
      <p className="mt-1 text-xs text-muted-foreground">
        {t("{amount} of {total}", {
          amount: formatBytes(sent * size),
          total: formatBytes(size),
        })}
      </p>
    </div>
  );
}
