import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { describeValue } from "@/core/run/describe-value";

const formatMono = (text: ReactNode) => <span className="font-mono">{text}</span>;

/** A setting's default, undefined where it has none, and the paper's value. */
export function SettingFacts({
  fallback,
  paper,
}: {
  fallback: unknown;
  paper: string | undefined;
}) {
  const t = useText();
  if (fallback === undefined && !paper) return null;
  return (
    <p className="mt-0.5 flex flex-wrap gap-x-3 text-2xs text-muted-foreground">
      {fallback !== undefined ? (
        <span>
          {t.rich("default <mono>{value}</mono>", {
            value: describeValue(t, fallback),
            mono: formatMono,
          })}
        </span>
      ) : null}
      {paper ? (
        <span>{t.rich("paper <mono>{paper}</mono>", { paper, mono: formatMono })}</span>
      ) : null}
    </p>
  );
}
