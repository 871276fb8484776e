"use client";
import { useCallback, useEffect, useRef, useState } from "react";
import type { UseFormReturn } from "react-hook-form";
import { useText } from "@/app/_i18n/text-provider";
import { formatAgo } from "@/app/_lib/format/format";
import { useNow } from "@/app/_lib/hooks/use-now";
import type { Draft } from "@/app/_settings/draft";
import { Button } from "@/app/_ui/button";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { discardDraft } from "./draft-storage";
import type { FormRules } from "./rules";

interface KeptDraftOptions {
  /** What the form begins with: each has its own draft. */
  key: string;
  begin: RunConfig;
  draft: Draft;
  form: UseFormReturn<Draft, unknown, RunConfig>;
  /** Null while they are loaded: until then nothing is kept or given back. */
  rules: FormRules | null;
}

/** Keeps the form's values in this browser, and gives back those that were kept before. */
export function useKeptDraft({ key, begin, draft, form, rules }: KeptDraftOptions) {
  const [restoredAt, setRestoredAt] = useState<number | null>(null);
  const restore = useCallback(
    (from: string): void => {
      const kept = rules?.readDraft(from) ?? null;
      setRestoredAt(kept?.at ?? null);
      if (!kept) return;
      form.reset(kept.draft);
      void form.trigger();
    },
    [form, rules],
  );
  const now = useRef(key);
  useEffect(() => void (now.current = key), [key]);
  useEffect(() => restore(now.current), [restore]);
  // The values now: those of the draft are a moment old, and may be of what the form showed before.
  useEffect(() => rules?.keepDraft(key, form.getValues(), begin), [key, begin, draft, form, rules]);
  const discard = (): void => {
    discardDraft(key);
    setRestoredAt(null);
  };
  return { restoredAt, restore, discard };
}

/** Says that the form shows what was changed before, and takes it back. */
export function DraftNotice({ at, onDiscard }: { at: number; onDiscard: () => void }) {
  const t = useText();
  const now = useNow();
  return (
    <p
      role="status"
      className="mt-3 flex flex-wrap items-center gap-x-3 rounded-md border border-primary/30 bg-primary-soft px-3 py-1.5 text-xs"
    >
      {t("These are your changes of {ago}, which were not launched.", {
        ago: formatAgo(t, at, now || at),
      })}
      <Button size="sm" onClick={onDiscard}>
        {t("Discard them")}
      </Button>
    </p>
  );
}
