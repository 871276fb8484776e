"use client";
import { useText } from "@/app/_i18n/text-provider";
import { buildSparkPath } from "./prepare/spark-paths";

type SparklineProps = { values: readonly number[]; label: string; width?: number; height?: number };

/** A small curve of one number, without axes; a dashed line where there are fewer than two points. */
export function Sparkline({ values, label, width = 88, height = 20 }: SparklineProps) {
  const t = useText();
  const path = buildSparkPath(values, width - 4, height - 4);
  return (
    <svg
      width={width}
      height={height}
      role="img"
      aria-label={path ? label : t("{label}: too few points", { label })}
      className="block shrink-0"
    >
      {path ? (
        <path
          d={path}
          transform="translate(2,2)"
          fill="none"
          stroke="var(--series-1)"
          strokeWidth="1.5"
          strokeLinejoin="round"
          strokeLinecap="round"
        />
      ) : (
        <line
          x1="2"
          x2={width - 2}
          y1={height / 2}
          y2={height / 2}
          stroke="var(--border)"
          strokeDasharray="2 3"
        />
      )}
    </svg>
  );
}
