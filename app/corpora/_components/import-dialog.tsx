"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { formatBytes } from "@/app/_lib/format";
import { useTRPC } from "@/app/_lib/trpc";
import { IndexPlan } from "@/app/_retrieval/index-plan";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, Select } from "@/app/_ui/field";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import { Switch } from "@/app/_ui/switch";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import { useNotify } from "@/app/_ui/toast";
import {
  CORPUS_PRESETS,
  CORPUS_PRESET_NAMES,
  type CorpusPreset,
  type CorpusPresetName,
} from "@/contracts/run-config/corpus-presets";
import { uploadFile } from "./upload-file";
import {
  suggestCorpusName,
  buildImportPlanRequest,
  getPublishedRetriever,
  buildSource,
  type ImportForm,
  type SourceKind,
} from "./import-form";

const KINDS: { kind: SourceKind; label: string }[] = [
  { kind: "upload", label: "Upload" },
  { kind: "path", label: "Path on the worker" },
  { kind: "url", label: "Address" },
  { kind: "preset", label: "Of the paper" },
];
const FORMATS = ["auto", "jsonl", "csv", "tsv", "parquet", "text"] as const;

export function ImportDialog({
  open,
  onOpenChange,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      className="max-w-xl"
      title="Import a corpus"
      description="JSONL (id and contents, or id, title and text), CSV, TSV, parquet, or plain text and Markdown that is cut into passages. Gzipped files are unpacked."
    >
      <ImportFields onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

const EMPTY: ImportForm = {
  kind: "upload",
  name: "",
  format: "auto",
  path: "",
  url: "",
  sha256: "",
  preset: "wiki-18",
  withIndex: false,
  licence: "",
  chunkTokens: 128,
  chunkOverlap: 16,
  buildIndex: true,
  worker: "",
};

function ImportFields({ onDone }: { onDone: () => void }) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [form, setForm] = useState<ImportForm>(EMPTY);
  const [named, setNamed] = useState(false);
  const [file, setFile] = useState<File | null>(null);
  const [sent, setSent] = useState<number | null>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const workers = useQuery(trpc.workers.list.queryOptions());
  const launch = useMutation(trpc.runs.launch.mutationOptions());

  /** A change of where it comes from suggests a name, until one was typed. */
  const set = (changes: Partial<ImportForm>, from: File | null = file): void =>
    setForm((before) => {
      const next = { ...before, ...changes };
      return named || "name" in changes
        ? next
        : { ...next, name: suggestCorpusName(next, from?.name ?? "") };
    });

  const start = useMutation({
    mutationFn: async () => {
      let upload = "";
      if (form.kind === "upload") {
        if (!file) throw new Error("Choose a file.");
        stop.current = new AbortController();
        setSent(0);
        upload = (await uploadFile(file, setSent, stop.current.signal)).id;
      }
      const source = buildSource(form, { upload, fileName: file?.name ?? "" });
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
      notify("good", `The import of ${form.name} has started`);
      void queryClient.invalidateQueries(trpc.runs.pathFilter());
      onDone();
    },
    onSettled: () => setSent(null),
  });
  const ready =
    form.name !== "" &&
    (form.kind !== "upload" || file !== null) &&
    (form.kind !== "path" || form.path !== "") &&
    (form.kind !== "url" || form.url !== "");
  const online = workers.data?.filter((worker) => worker.state === "online") ?? [];
  const preset: CorpusPreset = CORPUS_PRESETS[form.preset];

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate();
      }}
    >
      <Tabs value={form.kind} onValueChange={(kind) => set({ kind: kind as SourceKind })}>
        <TabsList aria-label="Where the corpus comes from">
          {KINDS.map(({ kind, label }) => (
            <TabsTrigger key={kind} value={kind}>
              {label}
            </TabsTrigger>
          ))}
        </TabsList>
        <TabsContent value="upload">
          <LabelledField
            id="import-file"
            label="File"
            hint="It goes to the server, and from there to the worker. For folders and very large files, a path is better."
          >
            <input
              id="import-file"
              type="file"
              className="mt-1 block w-full text-xs file:mr-3 file:h-8 file:cursor-pointer file:rounded-md file:border file:border-input file:bg-card file:px-3 file:font-medium"
              onChange={(event) => {
                const chosen = event.target.files?.[0] ?? null;
                setFile(chosen);
                set({}, chosen);
              }}
            />
          </LabelledField>
        </TabsContent>
        <TabsContent value="path">
          <LabelledField
            id="import-path"
            label="File or folder on the worker"
            hint="Of a folder all files of one format are read, in the order of their names."
          >
            <Input
              id="import-path"
              className="mt-1 font-mono text-xs"
              value={form.path}
              onChange={(event) => set({ path: event.target.value.trim() })}
            />
          </LabelledField>
        </TabsContent>
        <TabsContent value="url">
          <LabelledField
            id="import-url"
            label="Address"
            hint="The worker fetches it, and goes on where it was interrupted."
          >
            <Input
              id="import-url"
              type="url"
              className="mt-1 font-mono text-xs"
              placeholder="https://"
              value={form.url}
              onChange={(event) => set({ url: event.target.value.trim() })}
            />
          </LabelledField>
          <LabelledField id="import-sha256" label="Sha256, if you know it">
            <Input
              id="import-sha256"
              className="mt-1 font-mono text-xs"
              value={form.sha256}
              onChange={(event) => set({ sha256: event.target.value.trim().toLowerCase() })}
            />
          </LabelledField>
        </TabsContent>
        <TabsContent value="preset">
          <LabelledField
            id="import-preset"
            label="Corpus"
            hint={`${preset.description} About ${preset.downloadGiB} GiB to download from the Hugging Face hub. Where the worker cannot reach it: ${preset.byHand}`}
          >
            <Select
              id="import-preset"
              className="mt-1"
              value={form.preset}
              onChange={(event) =>
                set({ preset: event.target.value as CorpusPresetName, withIndex: false })
              }
            >
              {CORPUS_PRESET_NAMES.map((name) => (
                <option key={name} value={name}>
                  {CORPUS_PRESETS[name].title}
                </option>
              ))}
            </Select>
          </LabelledField>
          {preset.index ? (
            <LabelledSwitch
              id="import-index"
              label="Also fetch and use the published E5 index (62 GB; needs the encoder e5-base-v2)"
              checked={form.withIndex}
              onChange={(withIndex) => set({ withIndex })}
            />
          ) : null}
        </TabsContent>
      </Tabs>

      <LabelledField
        id="import-name"
        label="Name"
        hint="Letters, digits, dots, dashes and underscores; runs name the corpus by it."
      >
        <Input
          id="import-name"
          className="mt-1 font-mono text-xs"
          value={form.name}
          onChange={(event) => {
            setNamed(true);
            set({ name: event.target.value.trim() });
          }}
        />
      </LabelledField>
      {form.kind === "preset" ? null : (
        <details className="mt-3">
          <summary className="cursor-pointer text-xs text-muted-foreground">
            How it is read, licence
          </summary>
          <div className="grid gap-x-4 sm:grid-cols-2">
            <LabelledField id="import-format" label="Format">
              <Select
                id="import-format"
                className="mt-1"
                value={form.format}
                onChange={(event) => set({ format: event.target.value as ImportForm["format"] })}
              >
                {FORMATS.map((format) => (
                  <option key={format} value={format}>
                    {format === "auto" ? "by the file’s name" : format}
                  </option>
                ))}
              </Select>
            </LabelledField>
            <LabelledField id="import-licence" label="Licence">
              <Input
                id="import-licence"
                className="mt-1"
                maxLength={200}
                value={form.licence}
                onChange={(event) => set({ licence: event.target.value })}
              />
            </LabelledField>
            <LabelledField id="import-chunk" label="Passage tokens (text only)">
              <Input
                id="import-chunk"
                type="number"
                min={16}
                max={8192}
                className="mt-1 font-mono"
                value={form.chunkTokens}
                onChange={(event) => set({ chunkTokens: Number(event.target.value) })}
              />
            </LabelledField>
            <LabelledField id="import-overlap" label="Overlap (text only)">
              <Input
                id="import-overlap"
                type="number"
                min={0}
                max={4096}
                className="mt-1 font-mono"
                value={form.chunkOverlap}
                onChange={(event) => set({ chunkOverlap: Number(event.target.value) })}
              />
            </LabelledField>
          </div>
        </details>
      )}
      {online.length > 1 ? (
        <LabelledField id="import-worker" label="Worker">
          <Select
            id="import-worker"
            className="mt-1"
            value={form.worker}
            onChange={(event) => set({ worker: event.target.value })}
          >
            <option value="">any that is free</option>
            {online.map((worker) => (
              <option key={worker.id} value={worker.id}>
                {worker.name}
              </option>
            ))}
          </Select>
        </LabelledField>
      ) : null}
      <LabelledSwitch
        id="import-build"
        label="Build the default index afterwards"
        checked={form.buildIndex}
        onChange={(buildIndex) => set({ buildIndex })}
      />
      {form.buildIndex ? (
        <div className="mt-3">
          <IndexPlan question={buildImportPlanRequest(form)} />
        </div>
      ) : null}
      {start.isError ? (
        <ErrorState className="mt-3" title="The import did not start" error={start.error} />
      ) : null}
      {sent !== null && file ? (
        <div className="mt-4">
          <Progress value={sent} label="Progress of the upload" />
          <p className="mt-1 text-xs text-muted-foreground">
            {formatBytes(sent * file.size)} of {formatBytes(file.size)}
          </p>
        </div>
      ) : null}
      <div className="mt-4 flex gap-2">
        <Button type="submit" variant="primary" disabled={!ready || start.isPending}>
          Import
        </Button>
        {start.isPending && sent !== null ? (
          <Button onClick={() => stop.current?.abort()}>Stop the upload</Button>
        ) : null}
      </div>
    </form>
  );
}

function LabelledField({
  id,
  label,
  hint,
  children,
}: {
  id: string;
  label: string;
  hint?: string;
  children: React.ReactNode;
}) {
  return (
    <div className="mt-3 first:mt-0">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children}
      {hint ? <p className="mt-1 text-xs break-words text-muted-foreground">{hint}</p> : null}
    </div>
  );
}

function LabelledSwitch({
  id,
  label,
  checked,
  onChange,
}: {
  id: string;
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <div className="mt-3 flex items-center gap-2">
      <Switch id={id} checked={checked} onCheckedChange={onChange} />
      <label htmlFor={id}>{label}</label>
    </div>
  );
}
