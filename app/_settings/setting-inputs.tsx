"use client";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { listModels, type ModelUse } from "@/app/_lib/config/list-models";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Input } from "@/app/_ui/field";
import { formatDraftValue } from "./draft";

interface InputProps {
  id: string;
  value: unknown;
  onChange: (value: unknown) => void;
  onBlur: () => void;
}

type NumberInputProps = InputProps & {
  nullable: boolean;
  integer: boolean;
  className: string;
};

/** Keeps what was typed as text, so that "1e-" on the way to "1e-5" is not rewritten. */
export function NumberInput({
  nullable,
  integer,
  value,
  onChange,
  className,
  ...rest
}: NumberInputProps) {
  const t = useText();
  const [typed, setTyped] = useState<{ text: string; value: unknown } | null>(null);
  const shown = typed && Object.is(typed.value, value) ? typed.text : formatDraftValue(value);
  return (
    <Input
      {...rest}
      inputMode={integer ? "numeric" : "decimal"}
      autoComplete="off"
      placeholder={nullable ? t("none") : undefined}
      className={cn(className, "font-mono")}
      value={shown}
      onChange={(e) => {
        const text = e.target.value.trim();
        const next = text === "" ? (nullable ? null : Number.NaN) : Number(text);
        setTyped({ text: e.target.value, value: next });
        onChange(next);
      }}
    />
  );
}

type TextInputProps = InputProps & {
  path: string;
  nullable: boolean;
  className: string;
};

/** A text, with suggestions where the setting names something that exists. */
export function TextInput({ path, nullable, value, onChange, className, ...rest }: TextInputProps) {
  const t = useText();
  const suggestions = useSuggestions(path);
  return (
    <>
      <Input
        {...rest}
        autoComplete="off"
        spellCheck={false}
        list={suggestions.length > 0 ? `${rest.id}-list` : undefined}
        placeholder={nullable ? t("none") : undefined}
        className={cn(className, path !== "name" && "font-mono text-xs")}
        value={typeof value === "string" ? value : ""}
        onChange={(e) => onChange(nullable && e.target.value === "" ? null : e.target.value)}
      />
      {suggestions.length > 0 ? (
        <datalist id={`${rest.id}-list`}>
          {suggestions.map((s) => (
            <option key={s} value={s} />
          ))}
        </datalist>
      ) : null}
    </>
  );
}

/** Names that exist on this installation, for the settings that name something. */
function useSuggestions(path: string): string[] {
  const trpc = useTRPC();
  const [name = "", group] = path.split(".").reverse();
  const use = getModelUse(name, group);
  const workers = useQuery(
    trpc.workers.list.queryOptions(undefined, { enabled: use !== null || name === "worker" }),
  );
  if (use !== null) return listModels(workers.data ?? [], use);
  return name === "worker" ? (workers.data?.map((w) => w.name) ?? []) : [];
}

/** What the model of a setting is for; null: the setting names no model. */
function getModelUse(name: string, group: string | undefined): ModelUse | null {
  if (name === "model") return group === "critic" ? "critic" : "text";
  return name === "encoder" || name === "reranker" ? name : null;
}
