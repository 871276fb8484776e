"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input } from "@/app/_ui/field";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { ErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";
import { IMPORT_EVERYTHING, type ImportChoice, type QuestionSource } from "./import-choice";
import { ImportPreview } from "./import-preview";
import { readSource, suggestSetName } from "./question-file";

const EXAMPLE =
  '{"id": "q1", "question": "What is the capital of Peru?", "answers": ["Lima"], "goldIds": ["peru-capital"], "type": "one-hop"}';

const FETCH_COMMAND = "npm run s3 -- questions fetch s3-processed-data";

/** Says how many questions were imported, and as which sets. */
function describeImport(
  t: Text,
  sets: readonly { name: string; questions: number; isNew: boolean }[],
): string {
  const values = {
    count: sets.reduce((sum, set) => sum + set.questions, 0),
    sets: sets.map((set) => set.name).join(", "),
  };
  return sets.every((set) => set.isNew)
    ? t("Imported {count, plural, one {# question} other {# questions}} as {sets}", values)
    : t(
        "Imported {count, plural, one {# question} other {# questions}} as {sets} (some were there already)",
        values,
      );
}

/**
 * Imports questions from a file of a known format, after a preview. Either all are stored, or none and every bad line is
 * named.
 */
export function ImportDialog({
  open,
  onClose,
  onImported,
}: {
  open: boolean;
  onClose: () => void;
  onImported: (name: string) => void;
}) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [file, setFile] = useState<File | null>(null);
  const [source, setSource] = useState<QuestionSource | null>(null);
  const [choice, setChoice] = useState<ImportChoice>(IMPORT_EVERYTHING);
  const [name, setName] = useState("");
  const [unreadable, setUnreadable] = useState<Error | null>(null);
  const upload = useMutation(
    trpc.catalogue.importQuestionFile.mutationOptions({
      onSuccess: ({ sets, warnings }) => {
        const [first] = sets;
        if (!first) return;
        notify("good", describeImport(t, sets));
        for (const warning of warnings) notify("bad", warning);
        void queryClient.invalidateQueries(trpc.catalogue.pathFilter());
        setFile(null);
        setSource(null);
        setName("");
        onImported(first.name);
      },
    }),
  );
  const choose = async (next: File | null) => {
    setFile(next);
    setSource(null);
    setChoice(IMPORT_EVERYTHING);
    upload.reset();
    setUnreadable(null);
    if (!next) return;
    if (name === "") setName(suggestSetName(next.name));
    try {
      setSource(await readSource(next));
    } catch (error) {
      setUnreadable(
        new Error(t("{file} could not be read.", { file: next.name }), { cause: error }),
      );
    }
  };
  const submit = () => {
    if (source) upload.mutate({ ...source, ...choice, name: name.trim() });
  };
  const failure = unreadable ?? upload.error;
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => {
        if (next) return;
        upload.reset();
        setUnreadable(null);
        onClose();
      }}
      title={t("Import questions")}
      description={t(
        "JSON lines with id, question and answers as below, or a JSON list; a table (CSV, TSV, ...) or parquet; FlashRAG's, upstream's and MIRAGE's files; gzip or not. At most 200 MB.",
      )}
      className="max-w-xl"
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          submit();
        }}
        className="space-y-3"
      >
        <FormatExample />
        <FileField file={file} onChoose={(next) => void choose(next)} />
        <NameField name={name} onChange={setName} />
        {source ? (
          <ImportPreview
            key={source.content}
            source={source}
            choice={choice}
            onChange={setChoice}
          />
        ) : null}
        {failure ? (
          <ErrorState
            title={t("Not imported")}
            error={failure}
            className="max-h-64 overflow-y-auto"
          />
        ) : null}
        <div className="flex justify-end">
          <Button
            type="submit"
            variant="primary"
            disabled={!source || name.trim() === "" || upload.isPending}
          >
            <Upload /> {upload.isPending ? t("Importing") : t("Import")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** How a line of a file looks, and where upstream's files come from. */
function FormatExample() {
  const t = useText();
  return (
    <>
      <ScrollRegion label={t("Lines of a file")} className="rounded-md bg-muted px-3 py-2">
        <pre className="font-mono text-2xs">{EXAMPLE}</pre>
      </ScrollRegion>
      <p className="text-xs text-muted-foreground">
        {t.rich("Upstream's published questions: {command}", {
          command: <code className="font-mono text-2xs">{FETCH_COMMAND}</code>,
        })}
      </p>
    </>
  );
}

interface FileFieldProps {
  file: File | null;
  onChoose: (file: File | null) => void;
}

function FileField({ file, onChoose }: FileFieldProps) {
  const t = useText();
  return (
    <div>
      <label htmlFor="questions-file" className="font-medium">
        {t("File")}
      </label>
      <input
        id="questions-file"
        type="file"
        accept=".jsonl,.ndjson,.json,.txt,.csv,.tsv,.tab,.parquet,.gz"
        className="mt-1 block w-full rounded-md border border-input bg-card text-xs file:mr-3 file:h-8 file:border-0 file:bg-muted file:px-3 file:font-medium"
        onChange={(e) => onChoose(e.target.files?.[0] ?? null)}
      />
      {file ? <p className="mt-1 text-xs text-muted-foreground">{formatBytes(file.size)}</p> : null}
    </div>
  );
}

interface NameFieldProps {
  name: string;
  onChange: (name: string) => void;
}

function NameField({ name, onChange }: NameFieldProps) {
  const t = useText();
  return (
    <div>
      <label htmlFor="questions-name" className="font-medium">
        {t("Name")}
      </label>
      <Input
        id="questions-name"
        className="mt-1 font-mono text-xs"
        placeholder={t("my-set or my-set/dev")}
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(e) => onChange(e.target.value)}
      />
    </div>
  );
}
