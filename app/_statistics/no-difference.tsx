import { useText } from "@/app/_i18n/text-provider";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";

/**
 * That a test shows no difference, with the smallest one that it could have shown: without it, "no difference" says
 * nothing. A difference smaller than that may well be there.
 *
 * @param smallest as a share; null: not known
 */
export function NoDifference({ smallest }: { smallest: number | null }) {
  const t = useText();
  return (
    <span className="text-muted-foreground">
      {t("no difference shown")}
      <SmallestDifference smallest={smallest} className="ml-1" />
    </span>
  );
}

/** The smallest difference that a test could have shown, e.g. "(sees 3.4)" in points. */
export function SmallestDifference({
  smallest,
  className,
}: {
  smallest: number | null;
  className?: string;
}) {
  const t = useText();
  return (
    <span
      className={className}
      title={t(SHOWN_TEXTS["smallest-difference"])}
      data-smallest={smallest ?? ""}
    >
      {smallest === null
        ? t("(what it could see is not known)")
        : t("(sees {points})", { points: (smallest * 100).toFixed(1) })}
    </span>
  );
}
