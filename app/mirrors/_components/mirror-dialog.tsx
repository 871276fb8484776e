"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";
import { createMirrorRequestSchema, type MirrorAddress } from "@/contracts/api/mirrors";
import { MIRROR_FIELDS, MIRROR_KINDS, MIRROR_MEANINGS } from "./mirror-texts";

type MirrorDialogProps = { open: boolean; onOpenChange: (open: boolean) => void };

/** Adds a mirror. */
export function MirrorDialog({ open, onOpenChange }: MirrorDialogProps) {
  const t = useText();
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={t("Add a mirror")}
      description={t("The secret is sealed once stored, and shown to nobody.")}
    >
      <MirrorForm onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

function MirrorForm({ onDone }: { onDone: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [kind, setKind] = useState<MirrorAddress["kind"]>("mlflow");
  const [name, setName] = useState("");
  const [earlier, setEarlier] = useState(false);
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [problem, setProblem] = useState<string | null>(null);
  const create = useMutation(
    trpc.mirrors.create.mutationOptions({
      onSuccess: () => {
        void queryClient.invalidateQueries(trpc.mirrors.pathFilter());
        onDone();
      },
    }),
  );
  const save = (): void => {
    const entries = MIRROR_FIELDS[kind].map(({ name: field, initial = "" }) => [
      field,
      values[field] ?? initial,
    ]);
    const parsed = createMirrorRequestSchema.safeParse({
      name,
      earlier,
      address: { ...(Object.fromEntries(entries) as Record<string, string>), kind },
    });
    setProblem(
      parsed.error?.issues
        .map((i) => `${i.path.at(-1)?.toString() ?? ""}: ${i.message}`)
        .join("\n") ?? null,
    );
    if (parsed.success) create.mutate(parsed.data);
  };
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        save();
      }}
    >
      <LabelledField id="mirror-kind" label={t("Kind")} hint={t(MIRROR_MEANINGS[kind])}>
        <Select
          id="mirror-kind"
          className="mt-1"
          value={kind}
          onChange={(e) => setKind(e.target.value as MirrorAddress["kind"])}
          options={Object.entries(MIRROR_KINDS).map(([value, text]) => ({ value, text: t(text) }))}
        />
      </LabelledField>
      <LabelledField id="mirror-name" label={t("Name")}>
        <Input
          id="mirror-name"
          className="mt-1"
          autoComplete="off"
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
      </LabelledField>
      {MIRROR_FIELDS[kind].map((field) => (
        <LabelledField
          key={`${kind} ${field.name}`}
          id={`mirror-${field.name}`}
          label={t(field.label)}
          hint={field.hint && t(field.hint)}
        >
          <Input
            id={`mirror-${field.name}`}
            className="mt-1"
            type={field.secret ? "password" : "text"}
            autoComplete="off"
            spellCheck={false}
            value={values[field.name] ?? field.initial ?? ""}
            onChange={(e) => setValues({ ...values, [field.name]: e.target.value })}
          />
        </LabelledField>
      ))}
      <label className="mt-3 flex items-center gap-1.5">
        <input
          type="checkbox"
          className="accent-primary"
          checked={earlier}
          onChange={(e) => setEarlier(e.target.checked)}
        />
        {t("Also the runs that are here already")}
      </label>
      <ErrorState
        className="mt-3"
        title={t("Not added")}
        error={problem === null ? create.error : { message: problem }}
      />
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onDone}>{t("Close")}</Button>
        <Button variant="primary" type="submit" disabled={create.isPending}>
          {t("Add")}
        </Button>
      </div>
    </form>
  );
}
