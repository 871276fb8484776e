"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { useState } from "react";
import { formatBytes, plural } from "@/app/_lib/format";
import { useTRPC } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";

const EXAMPLE = '{"id": "q1", "question": "What is the capital of Peru?", "answers": ["Lima"], "goldIds": ["peru-capital"], "type": "one-hop"}';

/** "My questions.jsonl" -> "my-questions": a name that the server takes. */
const nameOf = (fileName: string): string =>
  fileName
    .replace(/\.\w+$/, "")
    .toLowerCase()
    .replace(/[^\w.-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 120);

/** One's own questions, from a JSONL file. All of them are stored, or none with every bad line named. */
export function ImportDialog({ open, onClose, onImported }: { open: boolean; onClose: () => void; onImported: (name: string) => void }) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [unreadable, setUnreadable] = useState<Error | null>(null);
  const upload = useMutation(
    trpc.catalogue.importQuestions.mutationOptions({
      onSuccess: (stored) => {
        notify("good", `Imported ${plural(stored.questions, "question")} as ${stored.name}`);
        void queryClient.invalidateQueries(trpc.catalogue.pathFilter());
        setFile(null);
        setName("");
        onImported(stored.name);
      },
    }),
  );
  const submit = async () => {
    if (!file) return;
    setUnreadable(null);
    let jsonl: string;
    try {
      jsonl = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch (error) {
      setUnreadable(error instanceof TypeError ? new Error(`${file.name} is not UTF-8 text.`) : new Error(`${file.name} could not be read.`));
      return;
    }
    upload.mutate({ name: name.trim(), jsonl });
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
      title="Import questions"
      description="A JSONL file: one JSON object a line with id, question and answers. goldIds name the documents that hold the evidence; type and group are optional."
      className="max-w-xl"
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
        className="space-y-3"
      >
        <pre className="overflow-x-auto rounded-md bg-muted px-3 py-2 font-mono text-2xs">{EXAMPLE}</pre>
        <div>
          <label htmlFor="questions-file" className="font-medium">
            File
          </label>
          <input
            id="questions-file"
            type="file"
            accept=".jsonl,.ndjson,.json,.txt"
            className="mt-1 block w-full rounded-md border border-input bg-card text-xs file:mr-3 file:h-8 file:border-0 file:bg-muted file:px-3 file:font-medium"
            onChange={(e) => {
              const next = e.target.files?.[0] ?? null;
              setFile(next);
              upload.reset();
              setUnreadable(null);
              if (next && name === "") setName(nameOf(next.name));
            }}
          />
          {file ? <p className="mt-1 text-xs text-muted-foreground">{formatBytes(file.size)}</p> : null}
        </div>
        <div>
          <label htmlFor="questions-name" className="font-medium">
            Name
          </label>
          <Input id="questions-name" className="mt-1 font-mono text-xs" placeholder="my-set or my-set/dev" autoComplete="off" spellCheck={false} value={name} onChange={(e) => setName(e.target.value)} />
        </div>
        {failure ? <ErrorState title="Not imported" error={failure} className="max-h-64 overflow-y-auto" /> : null}
        <div className="flex justify-end">
          <Button type="submit" variant="primary" disabled={!file || name.trim() === "" || upload.isPending}>
            <Upload /> {upload.isPending ? "Importing" : "Import"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
