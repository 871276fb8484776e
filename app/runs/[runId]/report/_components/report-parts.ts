export { formatReportDocument, REPORT_STYLES } from "@/core/report/report-document";
export { buildRunReport } from "@/core/report/run-report";
