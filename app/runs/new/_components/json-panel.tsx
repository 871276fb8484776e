"use client";
import { useMemo, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { parseConfigText } from "@/app/_lib/config/config-text";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { Textarea } from "@/app/_ui/field";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { Draft } from "@/app/_settings/draft";

type JsonPanelProps = { draft: Draft; onApply: (config: RunConfig) => void };

/**
 * The configuration as text, to copy, paste and edit. Problems are shown while typing; only a valid text can be applied.
 */
export function JsonPanel({ draft, onApply }: JsonPanelProps) {
  const t = useText();
  const initial = useMemo(() => JSON.stringify(draft, null, 2), [draft]);
  const [text, setText] = useState(initial);
  const parsed = useMemo(() => parseConfigText(t, text), [t, text]);
  return (
    <div className="mt-3">
      <Textarea
        aria-label={t("Configuration as JSON")}
        aria-invalid={!parsed.ok || undefined}
        aria-describedby="json-problems"
        spellCheck={false}
        className="h-[32rem] resize-y whitespace-pre"
        value={text}
        onChange={(e) => setText(e.target.value)}
      />
      <div id="json-problems" aria-live="polite" className="mt-2">
        {parsed.ok ? (
          <p className="text-xs text-muted-foreground">
            {t("Valid. Settings that are left out take their defaults.")}
          </p>
        ) : (
          <ul className="space-y-1 text-xs text-bad">
            {parsed.problems.map((p) => (
              <li key={`${p.path} ${p.message}`}>
                <span className="font-mono font-medium">{p.path}</span>: {p.message}
              </li>
            ))}
          </ul>
        )}
      </div>
      <div className="mt-3 flex flex-wrap gap-2">
        <Button
          variant="primary"
          disabled={!parsed.ok}
          onClick={() => parsed.ok && onApply(parsed.config)}
        >
          {t("Apply to the settings")}
        </Button>
        <CopyButton text={text} />
        <Button variant="ghost" disabled={text === initial} onClick={() => setText(initial)}>
          {t("Undo changes")}
        </Button>
      </div>
    </div>
  );
}
