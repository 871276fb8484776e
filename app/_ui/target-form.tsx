"use client";
import { useState, type ReactNode } from "react";
import type { z } from "zod";
import { useText } from "@/app/_i18n/text-provider";
import { formatIssueMessage } from "@/app/_lib/format/issue-text";
import { Button } from "@/app/_ui/button";
import { Input, LabelledField, Select } from "@/app/_ui/field";
import { ErrorState } from "@/app/_ui/states";

/** A text that an address of some kind holds. */
export interface TargetField {
  name: string;
  label: string;
  hint?: string;
  secret?: true;
  initial?: string;
}

/** What was entered: nothing of it was checked. */
export interface EnteredTarget<Kind extends string> {
  name: string;
  address: Record<string, string> & { kind: Kind };
}

interface TargetFormProps<Kind extends string> {
  /** Ids of its fields begin with it. */
  id: string;
  /** Texts that `t` translates, by kind, as those of the fields. */
  kinds: Readonly<Record<Kind, string>>;
  meanings?: Readonly<Record<Kind, string>>;
  fields: Readonly<Record<Kind, readonly TargetField[]>>;
  initialKind: NoInfer<Kind>;
  /** Inputs besides. */
  children: ReactNode;
  /** How the last request went. */
  request: { isPending: boolean; error: { message: string } | null };
  /** Checks what was entered and sends it on. @returns what is wrong with it */
  onSave: (entered: EnteredTarget<Kind>) => z.ZodError | undefined;
  onDone: () => void;
}

/** A form that adds a place outside where the server sends something: its kind, its name, and what its address needs. */
export function TargetForm<Kind extends string>({
  id,
  kinds,
  meanings,
  fields,
  initialKind,
  children,
  request,
  onSave,
  onDone,
}: TargetFormProps<Kind>) {
  const t = useText();
  const [kind, setKind] = useState(initialKind);
  const [name, setName] = useState("");
  const [values, setValues] = useState<Readonly<Record<string, string>>>({});
  const [problem, setProblem] = useState<string | null>(null);
  const read = (field: TargetField): string => values[field.name] ?? field.initial ?? "";
  const save = (): void => {
    const entries = fields[kind].map((field) => [field.name, read(field)]);
    const address = { ...(Object.fromEntries(entries) as Record<string, string>), kind };
    const issues = onSave({ name, address })?.issues;
    const named = [{ name: "name", label: "Name" }, ...fields[kind]];
    const explain = ({ path, message }: z.core.$ZodIssue): string => {
      const field = named.find((one) => one.name === path.at(-1));
      return [...(field ? [t(field.label)] : []), formatIssueMessage(t, message)].join(": ");
    };
    setProblem(issues?.map(explain).join("\n") ?? null);
  };
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        save();
      }}
    >
      <LabelledField id={`${id}-kind`} label={t("Kind")} hint={meanings && t(meanings[kind])}>
        <Select
          id={`${id}-kind`}
          className="mt-1"
          value={kind}
          onChange={(e) => setKind(e.target.value as Kind)}
          options={Object.entries<string>(kinds).map(([value, text]) => ({ value, text: t(text) }))}
        />
      </LabelledField>
      <LabelledField id={`${id}-name`} label={t("Name")}>
        <Input
          id={`${id}-name`}
          className="mt-1"
          autoComplete="off"
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
      </LabelledField>
      {fields[kind].map((field) => (
        <LabelledField
          key={`${kind} ${field.name}`}
          id={`${id}-${field.name}`}
          label={t(field.label)}
          hint={field.hint && t(field.hint)}
        >
          <Input
            id={`${id}-${field.name}`}
            className="mt-1"
            type={field.secret ? "password" : "text"}
            autoComplete="off"
            spellCheck={false}
            value={read(field)}
            onChange={(e) => setValues({ ...values, [field.name]: e.target.value })}
          />
        </LabelledField>
      ))}
      {children}
      <ErrorState
        className="mt-3"
        title={t("Not added")}
        error={problem === null ? request.error : { message: problem }}
      />
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onDone}>{t("Close")}</Button>
        <Button variant="primary" type="submit" disabled={request.isPending}>
          {t("Add")}
        </Button>
      </div>
    </form>
  );
}
