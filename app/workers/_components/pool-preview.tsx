"use client";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { DisclosureButton } from "@/app/_ui/disclosure-button";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { findTemplateProblems, renderTemplate } from "@/core/pools/template";
import type { PoolEntry } from "./pool-entry";

/** What would be submitted with what was entered, or what is wrong with the template. */
export function PoolPreview({ entry }: { entry: PoolEntry }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const problems = findTemplateProblems(entry.kind, entry.template);
  if (problems.length > 0)
    return (
      <ul role="alert" className="mt-2 list-disc pl-5 text-xs text-bad">
        {problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    );
  return (
    <div className="mt-2">
      <DisclosureButton open={open} onToggle={() => setOpen(!open)}>
        {t("What would be submitted")}
      </DisclosureButton>
      {open ? (
        <ScrollRegion
          label={t("What would be submitted")}
          className="mt-1 max-h-72 overflow-auto rounded-md border bg-muted px-3 py-2"
        >
          <pre className="font-mono text-xs" data-testid="pool-preview">
            {renderSample(entry)}
          </pre>
        </ScrollRegion>
      ) : null}
    </div>
  );
}

function renderSample({ kind, name, template, values }: PoolEntry): string {
  const pool = name || "pool";
  try {
    return renderTemplate(kind, template, {
      job: "s3-00000000-0000-4000-8000-000000000000",
      worker: `${pool}-00000000`,
      pool,
      server: values.serverUrl ?? "",
      gpus: Number(values.gpus),
      engineSlots: Number(values.engineSlots),
      lightSlots: Number(values.lightSlots),
    });
  } catch (error) {
    return (error as Error).message;
  }
}
