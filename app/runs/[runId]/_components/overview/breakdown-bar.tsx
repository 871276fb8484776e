"use client";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import { Card, CardHeader } from "@/app/_ui/card";
import type { Part } from "./breakdown";

interface BreakdownCardProps {
  title: string;
  description: string;
  parts: Part[];
  total: number;
  href: (part: Part) => string;
}

/** Parts of a whole as one bar and a list; each leads to its episodes. */
export function BreakdownCard({ title, description, parts, total, href }: BreakdownCardProps) {
  const t = useText();
  return (
    <Card className="pb-3">
      <CardHeader title={title} description={description} />
      <div
        className="mx-4 mt-3 flex h-3 gap-px overflow-hidden rounded-sm"
        role="img"
        aria-label={parts.map((p) => `${t(p.label)} ${formatInteger(p.count)}`).join(", ")}
      >
        {parts.map((p) =>
          p.count > 0 ? (
            <div key={p.label} style={{ flexGrow: p.count, background: p.colour }} />
          ) : null,
        )}
      </div>
      <ul className="mt-3 px-2">
        {parts.map((p) => (
          <li key={p.label}>
            <Link
              href={href(p)}
              className="grid grid-cols-[0.625rem_auto_1fr_auto_3.5rem] items-center gap-x-2 rounded px-2 py-1 hover:bg-muted"
            >
              <span className="size-2.5 rounded-xs" style={{ background: p.colour }} aria-hidden />
              <span className="font-medium">{t(p.label)}</span>
              <span className="truncate text-xs text-muted-foreground">{t(p.meaning)}</span>
              <span className="font-mono">{formatInteger(p.count)}</span>
              <span className="text-right font-mono text-muted-foreground">
                {total > 0 ? formatShare(p.count / total) : "–"}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
