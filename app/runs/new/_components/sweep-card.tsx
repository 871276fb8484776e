"use client";
import { Plus, X } from "lucide-react";
import { useMemo } from "react";
import type { SettingGroup } from "@/contracts/run-config/setting-group";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { Input, Select, Textarea } from "@/app/_ui/field";
import { SWEEP_PRESETS, type SweepPreset } from "@/core/presets/sweep-presets";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import type { SweepDraft } from "./empty-sweep";
import { listVariableSettings } from "./sweep-draft";

type Axis = SweepDraft["axes"][number];

interface Props {
  draft: SweepDraft;
  groups: readonly SettingGroup[];
  onChange: (draft: SweepDraft) => void;
  onPreset: (preset: SweepPreset) => void;
}

/** What a sweep varies: values of settings (every combination), or rows of a list; and the seeds. */
export function SweepCard({ draft, groups, onChange, onPreset }: Props) {
  const t = useText();
  const settings = useMemo(() => listVariableSettings(groups), [groups]);
  const setAxis = (index: number, change: Partial<Axis>) =>
    onChange({
      ...draft,
      axes: draft.axes.map((axis, i) => (i === index ? { ...axis, ...change } : axis)),
    });
  return (
    <Card className="px-4 pt-3 pb-4" aria-label={t("Sweep")}>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <h2 className="font-semibold">{t("Sweep")}</h2>
        <SegmentedControl
          label={t("Combine")}
          value={draft.mode}
          options={["grid", "list"] as const}
          text={(mode) => (mode === "grid" ? t("Every combination") : t("A list"))}
          onChange={(mode) => onChange({ ...draft, mode })}
        />
        {SWEEP_PRESETS.map((preset) => (
          <Button
            key={preset.id}
            size="sm"
            title={t(preset.description)}
            onClick={() => onPreset(preset)}
          >
            {t(preset.title)}
          </Button>
        ))}
      </div>
      {draft.mode === "grid" ? (
        <div className="mt-3 space-y-2">
          {draft.axes.map((axis, i) => (
            <AxisRow
              key={i}
              index={i}
              axis={axis}
              settings={settings}
              onChange={(change) => setAxis(i, change)}
              onRemove={() => onChange({ ...draft, axes: draft.axes.filter((_, j) => j !== i) })}
            />
          ))}
          <Button
            size="sm"
            onClick={() => onChange({ ...draft, axes: [...draft.axes, { path: "", text: "" }] })}
          >
            <Plus /> {t("Vary another setting")}
          </Button>
        </div>
      ) : (
        <label className="mt-3 block">
          <span className="text-xs text-muted-foreground">
            {t.rich(
              "One run a line, as <code>rl.steps=2, search.turns=1</code>; a line of <code>-</code> is the settings as below.",
              {
                code: (text) => (
                  <code className="rounded bg-muted px-1 font-mono text-2xs">{text}</code>
                ),
              },
            )}
          </span>
          <Textarea
            aria-label={t("Rows of the list")}
            className="mt-1 h-36 resize-y"
            spellCheck={false}
            value={draft.rows}
            onChange={(e) => onChange({ ...draft, rows: e.target.value })}
          />
        </label>
      )}
      <label className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="font-medium">{t("Seeds")}</span>
        <Input
          className="w-40 font-mono text-xs"
          placeholder={t("e.g. 1-3")}
          aria-label={t("Seeds")}
          value={draft.seeds}
          onChange={(e) => onChange({ ...draft, seeds: e.target.value })}
          autoComplete="off"
        />
        <span className="text-xs text-muted-foreground">
          {t(
            "Every setting under each; the table shows the mean with its interval. Empty: the seed below.",
          )}
        </span>
      </label>
    </Card>
  );
}

interface AxisRowProps {
  index: number;
  axis: Axis;
  /** Settings that can be varied. */
  settings: ReturnType<typeof listVariableSettings>;
  onChange: (change: Partial<Axis>) => void;
  onRemove: () => void;
}

/** A setting that the sweep varies, and its values. */
function AxisRow({ index, axis, settings, onChange, onRemove }: AxisRowProps) {
  const t = useText();
  const hint = settings.find((setting) => setting.path === axis.path)?.hint;
  const titles = [...new Set(settings.map((setting) => setting.group))];
  return (
    <div className="flex flex-wrap items-center gap-2" data-axis={index}>
      <Select
        aria-label={t("Setting {number}", { number: index + 1 })}
        className="w-full sm:w-72"
        value={axis.path}
        onChange={(e) => onChange({ path: e.target.value })}
      >
        <option value="">{t("Choose a setting")}</option>
        {titles.map((title) => (
          <optgroup key={title} label={t(title)}>
            {settings
              .filter((setting) => setting.group === title)
              .map((setting) => (
                <option key={setting.path} value={setting.path}>
                  {t(setting.title)} ({setting.path})
                </option>
              ))}
          </optgroup>
        ))}
      </Select>
      <Input
        aria-label={t("Values of setting {number}", { number: index + 1 })}
        className="min-w-0 flex-1 font-mono text-xs"
        placeholder={hint ? t("values, e.g. {hint}", { hint }) : t("values, with commas between")}
        value={axis.text}
        onChange={(e) => onChange({ text: e.target.value })}
        autoComplete="off"
        spellCheck={false}
      />
      <Button
        size="icon-sm"
        variant="ghost"
        aria-label={t("Remove setting {number}", { number: index + 1 })}
        onClick={onRemove}
      >
        <X />
      </Button>
    </div>
  );
}
