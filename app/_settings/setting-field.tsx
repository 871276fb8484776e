"use client";
import { RotateCcw } from "lucide-react";
import { memo } from "react";
import { useController, useFormContext } from "react-hook-form";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatIssueMessage } from "@/app/_lib/format/issue-text";
import type { Setting } from "@/contracts/run-config/setting-group";
import { isChanged } from "@/core/run/setting-groups";
import { Select } from "@/app/_ui/field";
import { Help } from "@/app/_ui/help";
import { deferPart } from "@/app/_ui/optional-part";
import { Skeleton } from "@/app/_ui/states";
import { Switch } from "@/app/_ui/switch";
import { PROMPT_SETTINGS, type PromptSetting } from "@/contracts/run-config/prompt-settings";
import { CheckpointSelect } from "./checkpoint-select";
import { describeValue } from "@/core/run/describe-value";
import { Description } from "./description";
import { formatDraftValue, type Draft } from "./draft";
import { NamedSelect } from "./named-select";
import { ServedModels } from "./served-models";
import { SettingFacts } from "./setting-facts";
import { NumberInput, TextInput } from "./setting-inputs";
import { SETTING_TERMS } from "./setting-terms";

/** With the built-in prompts and the schemas that choose one: nobody reads them first. */
const PromptField = deferPart(
  () => import("./prompt-field").then((m) => m.PromptField),
  () => <Skeleton className="mt-1 h-36" />,
);

/** Prompts are long texts and take the whole width. */
const findPromptSetting = (path: string): PromptSetting | null =>
  PROMPT_SETTINGS.find((setting) => setting === path) ?? null;

/** One setting: its value, its meaning, its default and the paper's value, and what is wrong with what was typed. */
export const SettingField = memo(function SettingField({ setting }: { setting: Setting }) {
  const t = useText();
  const { control } = useFormContext<Draft>();
  const { field, fieldState } = useController({ control, name: setting.path });
  const changed = isChanged(setting, field.value);
  const id = `setting-${setting.path}`;
  const term = SETTING_TERMS[setting.path];
  const error = fieldState.error?.message ? formatIssueMessage(t, fieldState.error.message) : null;
  return (
    <div
      data-setting={setting.path}
      className={cn(findPromptSetting(setting.path) && "col-span-full")}
    >
      <div className="flex h-5 items-center gap-1.5">
        <label htmlFor={id} className="truncate font-medium">
          {t(setting.meta.title)}
        </label>
        {term ? <Help term={term} /> : null}
        {changed ? (
          <>
            <span
              className="size-1.5 shrink-0 rounded-full bg-primary"
              title={t("Differs from the default")}
            />
            <button
              type="button"
              className="ml-auto flex shrink-0 items-center gap-1 text-2xs text-muted-foreground hover:text-foreground"
              onClick={() => field.onChange(setting.default)}
              aria-label={t("Set {setting} back to {value}", {
                setting: t(setting.meta.title),
                value: describeValue(t, setting.default),
              })}
            >
              <RotateCcw className="size-3" aria-hidden /> {t("default")}
            </button>
          </>
        ) : null}
      </div>
      <Control
        setting={setting}
        id={id}
        value={field.value === undefined ? setting.default : field.value}
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
        <Description text={t(setting.meta.description)} />
      </p>
      <SettingFacts fallback={setting.default} paper={setting.meta.paper} />
    </div>
  );
});

/** Whether a setting names a corpus or a question set that must exist when the run starts. */
const isNamePath = (path: string): boolean => /(^|\.)(corpus|\w*questions)$/i.test(path);

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
      if (/(^|\.)checkpoint$/.test(setting.path))
        return (
          <CheckpointSelect
            {...shared}
            value={typeof value === "string" ? value : null}
            onChange={onChange}
          />
        );
      if (isNamePath(setting.path))
        return (
          <NamedSelect
            {...shared}
            what={/corpus$/.test(setting.path) ? "corpus" : "questions"}
            value={formatDraftValue(value)}
            onChange={onChange}
          />
        );
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
