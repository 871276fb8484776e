"use client";
import { CircleAlert } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import type { PresetRow } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { deferPart } from "@/app/_ui/optional-part";
import { SearchInput } from "@/app/_ui/search-input";
import { describeRequirement } from "@/core/run/requirement-texts";
import { RUN_KINDS } from "@/contracts/records/run-states";

const PartsToFetch = deferPart(
  () => import("./parts-to-fetch").then((m) => m.PartsToFetch),
  () => null,
);

interface PresetPickerProps {
  presets: readonly PresetRow[];
  chosen: string | null;
  onChoose: (preset: PresetRow) => void;
}

/** Training first, and what can run here before what cannot. */
const rankPreset = ({ config, ready }: PresetRow): number =>
  RUN_KINDS.indexOf(config.kind) + (ready ? 0 : 100);

/** How high the list of what a preset lacks is where nothing wraps: room for it until it is loaded. */
const countRems = (parts: PresetRow["parts"]): number =>
  parts.reduce((sum, { command }) => sum + (command === null ? 1.25 : 3), 0);

/** Presets by name, in little room; what the chosen one is for, and what it lacks here, stands below. */
export function PresetPicker({ presets, chosen, onChoose }: PresetPickerProps) {
  const t = useText();
  const [text, setText] = useState("");
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = presets
    .filter(({ title, description, config }) => {
      const held = [title, description, config.kind, t(title), t(description)]
        .join(" ")
        .toLowerCase();
      return words.every((word) => held.includes(word));
    })
    .toSorted((a, b) => rankPreset(a) - rankPreset(b));
  const preset = presets.find(({ id }) => id === chosen);
  const parts = preset?.parts.filter(({ state }) => state !== "here") ?? [];
  const unmet =
    preset?.requirements.filter(
      (r) => !r.ok && !parts.some(({ kind, name }) => r.name === `${kind} ${name}`),
    ) ?? [];
  return (
    <Card className="p-3" aria-label={t("Presets")}>
      <div className="flex items-center gap-3">
        <h2 className="font-medium">{t("Presets")}</h2>
        <SearchInput
          label={t("Search presets")}
          placeholder={t("Search presets")}
          className="ml-auto w-48"
          value={text}
          onText={setText}
        />
      </div>
      <ul className="relative mt-2 grid max-h-36 gap-1 overflow-y-auto sm:grid-cols-2 xl:grid-cols-3 min-[1800px]:grid-cols-4">
        {shown.map((one) => (
          <li key={one.id}>
            <PresetButton preset={one} chosen={one.id === chosen} onChoose={() => onChoose(one)} />
          </li>
        ))}
      </ul>
      {shown.length === 0 ? (
        <p className="text-muted-foreground">{t("No preset is called that.")}</p>
      ) : null}
      <div className="mt-2 min-h-10 text-xs text-muted-foreground" aria-live="polite">
        <p>{preset ? t(preset.description) : t("No preset: settings of one's own.")}</p>
        {unmet.map((r) => (
          <p key={r.name} className="flex gap-1.5 text-warn">
            <CircleAlert className="mt-0.5 size-3.5 shrink-0" aria-hidden />{" "}
            {describeRequirement(t, r).detail}
          </p>
        ))}
        {parts.length > 0 ? (
          <div className="grid" style={{ minHeight: `${countRems(parts)}rem` }}>
            <PartsToFetch parts={parts} />
          </div>
        ) : null}
      </div>
    </Card>
  );
}

type PresetButtonProps = { preset: PresetRow; chosen: boolean; onChoose: () => void };

function PresetButton({ preset, chosen, onChoose }: PresetButtonProps) {
  const t = useText();
  return (
    <button
      type="button"
      aria-pressed={chosen}
      data-preset={preset.id}
      onClick={onChoose}
      className={cn(
        "flex h-7 w-full items-center gap-2 rounded-md border px-2 text-left transition-colors hover:border-muted-foreground/50",
        chosen && "border-primary bg-primary-soft hover:border-primary",
      )}
    >
      <span className="min-w-0 flex-1 truncate" title={t(preset.title)}>
        {t(preset.title)}
      </span>
      <span className={cn("text-2xs", preset.ready ? "text-good" : "text-warn")}>
        {preset.ready ? t("ready") : t("not here")}
      </span>
    </button>
  );
}
