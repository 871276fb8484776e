import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { Badge } from "@/app/_ui/badge";
import type { ComparabilityReason } from "@/contracts/records/comparability";
import { COMPARABILITY_REASONS } from "@/core/comparability/reasons";

/** A reason in the language of the text. */
export const formatReason = (t: Text, { code, values }: ComparabilityReason): string =>
  t(COMPARABILITY_REASONS[code], values);

/** Why a result has no common rank with others, a badge a reason. */
export function ComparabilityReasons({
  reasons,
  className,
}: {
  reasons: readonly ComparabilityReason[];
  className?: string;
}) {
  const t = useText();
  return reasons.map((reason) => (
    <Badge key={reason.code} tone="warn" className={cn("whitespace-normal", className)}>
      {formatReason(t, reason)}
    </Badge>
  ));
}
