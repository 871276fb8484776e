"use client";
import { Check, X } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { formatNumber, NONE } from "@/app/_lib/format/format";

/** Right, wrong, in between or not scored, shown by shape and by colour. */
export function ScoreMark({ score }: { score: number | null }) {
  const t = useText();
  if (score === null) return <span className="text-muted-foreground">{NONE}</span>;
  if (score >= 1) return <Check className="size-4 text-good" aria-label={t("right")} role="img" />;
  if (score <= 0) return <X className="size-4 text-bad" aria-label={t("wrong")} role="img" />;
  return <span className="font-mono">{formatNumber(score)}</span>;
}
