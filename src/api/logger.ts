/** Where the API tells of what no client can be told: passed in by whoever starts the server. */
export interface Logger {
  debug(message: string): void;
  warn(message: string): void;
  error(message: string, cause?: unknown): void;
}
