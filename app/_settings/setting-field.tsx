"use client";
import { useQuery } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import { useState } from "react";
import { useController, useFormContext, useWatch } from "react-hook-form";
import { cn } from "@/app/_lib/cn";
import { isChanged, plainMessage, valueText, type Setting } from "@/app/_lib/settings";
import { useTRPC } from "@/app/_lib/trpc";
import { Input, Select } from "@/app/_ui/field";
import { Switch } from "@/app/_ui/switch";
import { PROMPT_SETTINGS, type PromptSetting } from "@/contracts/run-config/prompts/prompts";
import type { Draft } from "./draft";
import { PromptField } from "./prompt-field";

/** A text of many lines, which wants the whole width. */
const findPromptSetting = (path: string): PromptSetting | null =>
  PROMPT_SETTINGS.find((setting) => setting === path) ?? null;

/** One setting: its value, its meaning, its default and the paper's value, and what is wrong with what was typed. */
export function SettingField({ setting }: { setting: Setting }) {
  const { control } = useFormContext<Draft>();
  const { field, fieldState } = useController({ control, name: setting.path });
  const changed = isChanged(setting, field.value);
  const id = `setting-${setting.path}`;
  const error = fieldState.error?.message ? plainMessage(fieldState.error.message) : null;
  return (
    <div
      data-setting={setting.path}
      className={cn(findPromptSetting(setting.path) && "col-span-full")}
    >
      <div className="flex h-5 items-center gap-1.5">
        <label htmlFor={id} className="truncate font-medium">
          {setting.meta.title}
        </label>
        {changed ? (
          <>
            <span
              className="size-1.5 shrink-0 rounded-full bg-primary"
              title="Differs from the default"
            />
            <button
              type="button"
              className="ml-auto flex shrink-0 items-center gap-1 text-2xs text-muted-foreground hover:text-foreground"
              onClick={() => field.onChange(setting.default)}
              aria-label={`Set ${setting.meta.title} back to ${valueText(setting.default)}`}
            >
              <RotateCcw className="size-3" aria-hidden /> default
            </button>
          </>
        ) : null}
      </div>
      <Control
        setting={setting}
        id={id}
        value={field.value}
        onChange={field.onChange}
        onBlur={field.onBlur}
        invalid={error !== null}
      />
      {setting.path.endsWith(".endpoint") ? <ServedModels path={setting.path} /> : null}
      {error ? (
        <p id={`${id}-error`} role="alert" className="mt-1 text-xs text-bad">
          {error}
        </p>
      ) : null}
      <p id={`${id}-about`} className="mt-1 text-xs text-muted-foreground">
        <Description text={setting.meta.description} />
      </p>
      {setting.default !== undefined || setting.meta.paper ? (
        <p className="mt-0.5 flex flex-wrap gap-x-3 text-2xs text-muted-foreground">
          {setting.default !== undefined ? (
            <span>
              default <span className="font-mono">{valueText(setting.default)}</span>
            </span>
          ) : null}
          {setting.meta.paper ? (
            <span>
              paper <span className="font-mono">{setting.meta.paper}</span>
            </span>
          ) : null}
        </p>
      ) : null}
    </div>
  );
}

/** A description with its `code` parts set as code. */
export function Description({ text }: { text: string }) {
  return text.split("`").map((part, i) =>
    i % 2 === 1 ? (
      <code key={i} className="rounded bg-muted px-1 font-mono text-2xs">
        {part}
      </code>
    ) : (
      part
    ),
  );
}

interface ControlProps {
  setting: Setting;
  id: string;
  value: unknown;
  onChange: (value: unknown) => void;
  onBlur: () => void;
  invalid: boolean;
}

function Control({ setting, id, value, onChange, onBlur, invalid }: ControlProps) {
  const { control } = setting;
  const shared = {
    id,
    onBlur,
    "aria-invalid": invalid || undefined,
    "aria-describedby": invalid ? `${id}-error` : `${id}-about`,
    className: "mt-1",
  };
  switch (control.kind) {
    case "switch":
      return (
        <div className="mt-1 flex h-8 items-center">
          <Switch
            id={id}
            checked={value === true}
            onCheckedChange={onChange}
            onBlur={onBlur}
            aria-describedby={`${id}-about`}
          />
        </div>
      );
    case "choice":
      return (
        <Select {...shared} value={String(value ?? "")} onChange={(e) => onChange(e.target.value)}>
          {control.options.map((option) => (
            <option key={option} value={option}>
              {option}
            </option>
          ))}
        </Select>
      );
    case "number":
      return (
        <NumberInput
          {...shared}
          nullable={control.nullable}
          integer={control.integer}
          value={value}
          onChange={onChange}
        />
      );
    case "text": {
      const prompt = findPromptSetting(setting.path);
      if (prompt)
        return <PromptField {...shared} setting={prompt} value={value} onChange={onChange} />;
      return (
        <TextInput
          {...shared}
          path={setting.path}
          nullable={control.nullable}
          value={value}
          onChange={onChange}
        />
      );
    }
  }
}

/** Models that serve runs keep up: choosing one gives endpoint, model and key together. */
function ServedModels({ path }: { path: string }) {
  const trpc = useTRPC();
  const { control, setValue } = useFormContext<Draft>();
  const chosen: unknown = useWatch({ control, name: path });
  const served = useQuery(
    trpc.runs.servedModels.queryOptions(undefined, { refetchInterval: 5_000 }),
  );
  if (!served.data?.length) return null;
  const group = path.slice(0, -"endpoint".length);
  return (
    <Select
      className="mt-1"
      aria-label={`Running model service for ${path}`}
      value={served.data.find(({ address }) => address === chosen)?.id ?? ""}
      onChange={(e) => {
        const one = served.data.find(({ id }) => id === e.target.value);
        const set = (at: string, value: string | null): void =>
          setValue(at, value as Draft[string], { shouldValidate: true, shouldDirty: true });
        set(path, one?.address ?? null);
        if (!one) return;
        set(`${group}model`, one.model);
        set(`${group}connection.key`, one.key);
      }}
    >
      <option value="">A running model service</option>
      {served.data.map(({ id, name, model, worker }) => (
        <option key={id} value={id}>
          {model}: {name}, on {worker}
        </option>
      ))}
    </Select>
  );
}

type NumberInputProps = Omit<ControlProps, "setting" | "invalid"> & {
  nullable: boolean;
  integer: boolean;
  className: string;
};

/** Keeps what was typed as text, so that "1e-" on the way to "1e-5" is not rewritten. */
function NumberInput({ nullable, integer, value, onChange, className, ...rest }: NumberInputProps) {
  const [typed, setTyped] = useState<{ text: string; value: unknown } | null>(null);
  const shown =
    typed && Object.is(typed.value, value)
      ? typed.text
      : value === null || value === undefined
        ? ""
        : String(value);
  return (
    <Input
      {...rest}
      inputMode={integer ? "numeric" : "decimal"}
      autoComplete="off"
      placeholder={nullable ? "none" : undefined}
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

type TextInputProps = Omit<ControlProps, "setting" | "invalid"> & {
  path: string;
  nullable: boolean;
  className: string;
};

function TextInput({ path, nullable, value, onChange, className, ...rest }: TextInputProps) {
  const suggestions = useSuggestions(path);
  return (
    <>
      <Input
        {...rest}
        autoComplete="off"
        spellCheck={false}
        list={suggestions.length > 0 ? `${rest.id}-list` : undefined}
        placeholder={nullable ? "none" : undefined}
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
  const last = path.split(".").at(-1) ?? "";
  const corpora = useQuery(
    trpc.catalogue.corpora.queryOptions(undefined, { enabled: last === "corpus" }),
  );
  const sets = useQuery(
    trpc.catalogue.questionSets.queryOptions(undefined, { enabled: /questions$/i.test(last) }),
  );
  const workers = useQuery(
    trpc.workers.list.queryOptions(undefined, { enabled: last === "model" || last === "worker" }),
  );
  if (last === "corpus") return corpora.data?.map((c) => c.name) ?? [];
  if (last === "model")
    return [...new Set(workers.data?.flatMap((w) => w.capabilities.models) ?? [])];
  if (last === "worker") return workers.data?.map((w) => w.name) ?? [];
  return /questions$/i.test(last) ? (sets.data?.map((s) => s.name) ?? []) : [];
}
