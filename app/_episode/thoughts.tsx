import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";

/** What a model thought before it answered: kept to be looked at, and scored by nothing. */
export function Thoughts({ text }: { text: string }) {
  const t = useText();
  return (
    <details className="mt-2">
      <summary className="cursor-pointer text-xs text-muted-foreground">
        {t("Thoughts, {count} characters, not scored", { count: formatInteger(text.length) })}
      </summary>
      <pre className="mt-1 overflow-x-auto font-mono text-xs leading-5 break-words whitespace-pre-wrap text-muted-foreground">
        {text}
      </pre>
    </details>
  );
}
