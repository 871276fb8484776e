"use client";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import { LabelledSwitch } from "@/app/_ui/switch";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import { CORPUS_PRESETS, type CorpusPreset } from "@/core/presets/corpus-presets";
import { CORPUS_PRESET_NAMES, type CorpusPresetName } from "@/contracts/run-config/corpus-source";
import { DELIMITERS, ENCODINGS, QUOTINGS } from "@/contracts/formats/reading";
import { NO_TITLE, ROW_NUMBER } from "@/core/corpora/corpus-columns";
import type { SourceKind } from "@/core/corpora/corpus-import";
import type { ImportForm } from "./import-form";
import { formatReadingValue } from "./reading-texts";

const KINDS: { kind: SourceKind; label: string }[] = [
  { kind: "upload", label: markText("Upload") },
  { kind: "path", label: markText("Path on the worker") },
  { kind: "url", label: markText("Address") },
  { kind: "preset", label: markText("Of the paper") },
];
const ADDRESS_START = "https://";
const FORMATS = ["auto", "jsonl", "csv", "tsv", "parquet", "text"] as const;

const COLUMNS = [
  {
    key: "idColumn",
    label: markText("Id column"),
    hint: markText("{value} numbers the rows"),
    value: ROW_NUMBER,
  },
  {
    key: "titleColumn",
    label: markText("Title column"),
    hint: markText("{value}: there is none"),
    value: NO_TITLE,
  },
  { key: "textColumn", label: markText("Text column"), hint: undefined, value: "" },
] as const;
const DIALECT = [
  { key: "encoding", label: markText("Encoding"), values: ENCODINGS },
  { key: "delimiter", label: markText("Delimiter (tables)"), values: DELIMITERS },
  { key: "quoting", label: markText("Quotes within quotes (tables)"), values: QUOTINGS },
] as const;

type FieldsProps = { form: ImportForm; set: (changes: Partial<ImportForm>) => void };

/** Where the corpus comes from: a tab for each kind of source. */
export function SourceTabs({
  form,
  set,
  onFile,
}: FieldsProps & { onFile: (file: File | null) => void }) {
  const t = useText();
  const preset: CorpusPreset = CORPUS_PRESETS[form.preset];
  return (
    <Tabs value={form.kind} onValueChange={(kind) => set({ kind: kind as SourceKind })}>
      <TabsList aria-label={t("Where the corpus comes from")}>
        {KINDS.map(({ kind, label }) => (
          <TabsTrigger key={kind} value={kind}>
            {t(label)}
          </TabsTrigger>
        ))}
      </TabsList>
      <TabsContent value="upload">
        <LabelledField
          id="import-file"
          label={t("File")}
          hint={t(
            "It goes to the server, and from there to the worker. For folders and very large files, a path is better.",
          )}
        >
          <input
            id="import-file"
            type="file"
            className="mt-1 block w-full text-xs file:mr-3 file:h-8 file:cursor-pointer file:rounded-md file:border file:border-input file:bg-card file:px-3 file:font-medium"
            onChange={(event) => {
              const chosen = event.target.files?.[0] ?? null;
              onFile(chosen);
            }}
          />
        </LabelledField>
      </TabsContent>
      <TabsContent value="path">
        <LabelledField
          id="import-path"
          label={t("File or folder on the worker")}
          hint={t(
            "In imports of the worker's data folder, or in a folder of its S3_IMPORT_ROOTS. Of a folder all files of one format are read, in the order of their names.",
          )}
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
          label={t("Address")}
          hint={t("The worker fetches it, and goes on where it was interrupted.")}
        >
          <Input
            id="import-url"
            type="url"
            className="mt-1 font-mono text-xs"
            placeholder={ADDRESS_START}
            value={form.url}
            onChange={(event) => set({ url: event.target.value.trim() })}
          />
        </LabelledField>
        <LabelledField id="import-sha256" label={t("Sha256, if you know it")}>
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
          label={t("Corpus")}
          hint={t(
            "{description} About {downloadGiB} GiB to download from the Hugging Face hub. Where the worker cannot reach it: {byHand}",
            {
              description: t(preset.description),
              downloadGiB: preset.downloadGiB,
              byHand: t(preset.byHand),
            },
          )}
        >
          <Select
            id="import-preset"
            className="mt-1"
            value={form.preset}
            onChange={(event) =>
              set({ preset: event.target.value as CorpusPresetName, withIndex: false })
            }
            options={CORPUS_PRESET_NAMES.map((name) => ({
              value: name,
              text: t(CORPUS_PRESETS[name].title),
            }))}
          />
        </LabelledField>
        {preset.index ? (
          <LabelledSwitch
            id="import-index"
            label={t(
              "Also fetch and use the published E5 index (62 GB; needs the encoder e5-base-v2)",
            )}
            checked={form.withIndex}
            onChange={(withIndex) => set({ withIndex })}
          />
        ) : null}
      </TabsContent>
    </Tabs>
  );
}

/** How the source is read, and its licence; open beside a preview, which they change. */
export function ReadingFields({ form, set, isOpen }: FieldsProps & { isOpen: boolean }) {
  const t = useText();
  return (
    <details className="mt-3" open={isOpen}>
      <summary className="cursor-pointer text-xs text-muted-foreground">
        {t("How it is read, licence")}
      </summary>
      <div className="grid items-end gap-x-4 sm:grid-cols-2">
        <LabelledField id="import-format" label={t("Format")}>
          <Select
            id="import-format"
            className="mt-1"
            value={form.format}
            onChange={(event) => set({ format: event.target.value as ImportForm["format"] })}
            options={FORMATS.map((format) => ({
              value: format,
              text: format === "auto" ? t("by name and content") : formatReadingValue(t, format),
            }))}
          />
        </LabelledField>
        <LabelledField id="import-licence" label={t("Licence")}>
          <Input
            id="import-licence"
            className="mt-1"
            maxLength={200}
            value={form.licence}
            onChange={(event) => set({ licence: event.target.value })}
          />
        </LabelledField>
        <LabelledField id="import-chunk" label={t("Passage tokens (text only)")}>
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
        <LabelledField id="import-overlap" label={t("Overlap (text only)")}>
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
        {COLUMNS.map(({ key, label, hint, value }) => (
          <LabelledField
            key={key}
            id={`import-${key}`}
            label={t(label)}
            hint={hint && t(hint, { value })}
          >
            <Input
              id={`import-${key}`}
              className="mt-1 font-mono text-xs"
              value={form[key]}
              onChange={(event) => set({ [key]: event.target.value.trim() })}
            />
          </LabelledField>
        ))}
        {DIALECT.map(({ key, label, values }) => (
          <LabelledField key={key} id={`import-${key}`} label={t(label)}>
            <Select
              id={`import-${key}`}
              className="mt-1"
              value={form[key]}
              onChange={(event) => set({ [key]: event.target.value })}
              options={["auto", ...values].map((value) => ({
                value,
                text: value === "auto" ? t("by the content") : formatReadingValue(t, value),
              }))}
            />
          </LabelledField>
        ))}
      </div>
    </details>
  );
}
