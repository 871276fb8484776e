"use client";
import { RotateCcw } from "lucide-react";
import { useController, useFormContext } from "react-hook-form";
import { cn } from "@/app/_lib/cn";
import { formatIssueMessage } from "@/app/_lib/config-text";
import { isChanged, describeSettingValue, type Setting } from "@/core/run/settings";
import { Select } from "@/app/_ui/field";
import { Switch } from "@/app/_ui/switch";
import { PROMPT_SETTINGS, type PromptSetting } from "@/contracts/run-config/prompt";
import { Description } from "./description";
import { formatDraftValue, type Draft } from "./draft";
import { PromptField } from "./prompt-field";
import { ServedModels } from "./served-models";
import { NumberInput, TextInput } from "./setting-inputs";

/** Prompts are long texts and take the whole width. */
const findPromptSetting = (path: string): PromptSetting | null =>
  PROMPT_SETTINGS.find((setting) => setting === path) ?? null;

/** One setting: its value, its meaning, its default and the paper's value, and what is wrong with what was typed. */
export function SettingField({ setting }: { setting: Setting }) {
  const { control } = useFormContext<Draft>();
  const { field, fieldState } = useController({ control, name: setting.path });
  const changed = isChanged(setting, field.value);
  const id = `setting-${setting.path}`;
  const error = fieldState.error?.message ? formatIssueMessage(fieldState.error.message) : null;
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
              aria-label={`Set ${setting.meta.title} back to ${describeSettingValue(setting.default)}`}
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
              default <span className="font-mono">{describeSettingValue(setting.default)}</span>
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
        <Select
          {...shared}
          value={formatDraftValue(value)}
          onChange={(e) => onChange(e.target.value)}
          options={control.options}
        />
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
