"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { formatIssueMessage } from "@/app/_lib/format/issue-text";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField, Select, Textarea } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import {
  createPoolRequestSchema,
  updatePoolRequestSchema,
  type PoolKind,
  type PoolRow,
} from "@/contracts/api/pools";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { buildEntry, buildRequest, NUMBERS, type PoolEntry } from "./pool-entry";
import { PoolPreview } from "./pool-preview";
import { POOL_FIELDS, POOL_KINDS, POOL_MEANINGS, type PoolField } from "./pool-texts";

const OFFERED_HINT = markText("That its workers have, with commas between.");

type PoolDialogProps = { pool: PoolRow | "new"; onClose: () => void };

/** Adds or changes a pool. */
export function PoolDialog({ pool, onClose }: PoolDialogProps) {
  const t = useText();
  return (
    <Dialog
      open
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      className="max-w-3xl"
      title={pool === "new" ? t("Add a pool") : t("Change {name}", { name: pool.name })}
      description={t(
        "Runs that need no more than what its workers have make it start one. Workers that are there go on as they were started.",
      )}
    >
      <PoolForm pool={pool === "new" ? null : pool} onDone={onClose} />
    </Dialog>
  );
}

function PoolForm({ pool, onDone }: { pool: PoolRow | null; onDone: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [entry, setEntry] = useState(() => buildEntry(pool, window.location.origin));
  const [problem, setProblem] = useState<string | null>(null);
  const options = {
    onSuccess: () => {
      void queryClient.invalidateQueries(trpc.pools.pathFilter());
      onDone();
    },
  };
  const create = useMutation(trpc.pools.create.mutationOptions(options));
  const update = useMutation(trpc.pools.update.mutationOptions(options));
  const change = (changes: Partial<PoolEntry>): void => setEntry({ ...entry, ...changes });
  const save = (): void => {
    const request = buildRequest(entry);
    const parsed = pool
      ? updatePoolRequestSchema.safeParse({ ...request, id: pool.id })
      : createPoolRequestSchema.safeParse(request);
    const issues = parsed.error?.issues.map(
      ({ path, message }) => `${path.join(".")}: ${formatIssueMessage(t, message)}`,
    );
    setProblem(issues?.join("\n") ?? null);
    if (!parsed.success) return;
    if (pool) update.mutate({ ...parsed.data, id: pool.id });
    else create.mutate({ ...parsed.data, secret: entry.values.secret });
  };
  const error = problem === null ? (create.error ?? update.error) : { message: problem };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <div className="grid gap-x-4 gap-y-3 sm:grid-cols-2 [&>*]:mt-0">
        <KindField entry={entry} isFixed={pool !== null} change={change} />
        <LabelledField
          id="pool-name"
          label={t("Name")}
          hint={t("Small letters, digits and dashes; workers are named after it.")}
        >
          <Input
            id="pool-name"
            className="mt-1"
            autoComplete="off"
            value={entry.name}
            onChange={(e) => change({ name: e.target.value })}
          />
        </LabelledField>
        <TextFields entry={entry} change={change} />
      </div>
      <LabelledField
        id="pool-template"
        label={t("Template")}
        hint={t(
          "What is submitted for each worker. Its token is not part of it: the job has it in S3_WORKER_TOKEN.",
        )}
      >
        <Textarea
          id="pool-template"
          className="mt-1"
          rows={12}
          spellCheck={false}
          value={entry.template}
          onChange={(e) => change({ template: e.target.value })}
        />
      </LabelledField>
      <PoolPreview entry={entry} />
      <ErrorState className="mt-3" title={t("Not stored")} error={error} />
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onDone}>{t("Close")}</Button>
        <Button variant="primary" type="submit" disabled={create.isPending || update.isPending}>
          {pool ? t("Store") : t("Add")}
        </Button>
      </div>
    </form>
  );
}

interface FieldsProps {
  entry: PoolEntry;
  change: (changes: Partial<PoolEntry>) => void;
}

/** Another kind brings its own template, unless that was edited. */
function KindField({ entry, isFixed, change }: FieldsProps & { isFixed: boolean }) {
  const t = useText();
  const choose = (kind: PoolKind): void =>
    change({
      kind,
      ...(entry.template === DEFAULT_TEMPLATES[entry.kind] && {
        template: DEFAULT_TEMPLATES[kind],
      }),
    });
  return (
    <LabelledField id="pool-kind" label={t("Kind")} hint={t(POOL_MEANINGS[entry.kind])}>
      <Select
        id="pool-kind"
        className="mt-1"
        value={entry.kind}
        disabled={isFixed}
        onChange={(e) => choose(e.target.value as PoolKind)}
        options={Object.entries<string>(POOL_KINDS).map(([value, text]) => ({
          value,
          text: t(text),
        }))}
      />
    </LabelledField>
  );
}

function TextFields({ entry, change }: FieldsProps) {
  const t = useText();
  const set = (name: string, value: string): void =>
    change({ values: { ...entry.values, [name]: value } });
  const fields: readonly PoolField[] = [
    ...POOL_FIELDS[entry.kind],
    {
      name: "serverUrl",
      label: markText("Address of this server"),
      hint: markText("As the workers reach it, e.g. through a tunnel."),
    },
    { name: "models", label: markText("Models"), hint: OFFERED_HINT },
    { name: "corpora", label: markText("Corpora"), hint: OFFERED_HINT },
    ...NUMBERS,
  ];
  return (
    <>
      {fields.map(({ name, label, hint, secret }) => (
        <LabelledField
          key={name}
          id={`pool-${name}`}
          label={t(label)}
          hint={hint === undefined ? undefined : t(hint)}
        >
          <Input
            id={`pool-${name}`}
            className="mt-1"
            type={secret ? "password" : "text"}
            autoComplete="off"
            spellCheck={false}
            value={entry.values[name] ?? ""}
            onChange={(e) => set(name, e.target.value)}
          />
        </LabelledField>
      ))}
      <div className="flex flex-col justify-end gap-1.5">
        <CheckField
          label={t("vLLM is installed there")}
          checked={entry.vllm}
          onChange={(vllm) => change({ vllm })}
        />
        <CheckField
          label={t("They run commands: the template starts them with --allow-commands")}
          checked={entry.commands}
          onChange={(commands) => change({ commands })}
        />
        <CheckField
          label={t("A Tinker service trains for them: the template starts them with --tinker-url")}
          checked={entry.tinker}
          onChange={(tinker) => change({ tinker })}
        />
      </div>
    </>
  );
}

function CheckField({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="flex items-center gap-1.5">
      <input
        type="checkbox"
        className="accent-primary"
        checked={checked}
        onChange={(e) => onChange(e.target.checked)}
      />
      {label}
    </label>
  );
}
