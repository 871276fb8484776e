"use client";
import { useText } from "@/app/_i18n/text-provider";
import { ErrorState } from "./_ui/states";

export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  const t = useText();
  return <ErrorState title={t("This page failed to draw")} error={error} onRetry={reset} />;
}
