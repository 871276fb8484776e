"use client";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import type { LaunchedKind } from "@/contracts/records/run-state";
import { LAUNCHED_KINDS } from "@/contracts/records/run-states";
import type { Served } from "@/core/run/setting-groups";

const KIND_LABEL: Record<LaunchedKind, string> = {
  train: markText("Train"),
  predict: markText("Predict"),
  index: markText("Index"),
  serve: markText("Serve"),
  evaluate: markText("Evaluate retrieval"),
  command: markText("Command"),
};

interface FormToolbarProps {
  kind: LaunchedKind;
  served: Served;
  asSweep: boolean;
  view: "form" | "json";
  /** What the settings come from, in words. */
  note: string | null;
  onKind: (kind: LaunchedKind) => void;
  onServed: (served: Served) => void;
  onSweep: (asSweep: boolean) => void;
  onView: (view: "form" | "json") => void;
}

/** What is launched, and how it is edited. */
export function FormToolbar({
  kind,
  served,
  asSweep,
  view,
  note,
  onKind,
  onServed,
  onSweep,
  onView,
}: FormToolbarProps) {
  const t = useText();
  return (
    <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2">
      <SegmentedControl
        label={t("Kind of run")}
        value={kind}
        options={LAUNCHED_KINDS}
        text={(k) => t(KIND_LABEL[k])}
        onChange={onKind}
      />
      <SegmentedControl
        label={t("Launch as")}
        value={asSweep ? "sweep" : "run"}
        options={["run", "sweep"] as const}
        text={(as) => (as === "run" ? t("One run") : t("Sweep"))}
        onChange={(as) => onSweep(as === "sweep")}
      />
      {kind === "serve" ? (
        <SegmentedControl
          label={t("What is served")}
          value={served}
          options={["model", "retriever"] as const}
          text={(what) => (what === "model" ? t("A model") : t("A retriever"))}
          onChange={onServed}
        />
      ) : null}
      <SegmentedControl
        label={t("Edit as")}
        value={view}
        options={["form", "json"] as const}
        text={(v) => (v === "form" ? t("Settings") : "JSON")}
        onChange={onView}
      />
      {note ? <p className="text-xs text-muted-foreground">{note}</p> : null}
    </div>
  );
}
