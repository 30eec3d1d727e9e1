// What the environment says, checked once at the start: a pod with a mistake in it fails there, not at its first request.

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
// S3 API reference, "Authenticating requests: using query parameters": X-Amz-Expires is at most seven days.
const LONGEST = 7 * 24 * 3600;

export function settingsFrom(environment) {
  const prefix = environment.KEY_PREFIX ?? "uploads/";
  if (prefix !== "" && !prefix.endsWith("/")) {
    throw new Error(`KEY_PREFIX must be empty or end with a slash, such as uploads/: it is ${prefix}`);
  }
  const bucket = environment.BUCKET ?? "";
  if (!BUCKET.test(bucket)) {
    throw new Error(`BUCKET must be the name of an S3 bucket: it is ${bucket || "not set"}`);
  }
  return {
    bucket,
    // Where the bucket is; left out, the region of the environment or of the AWS config file.
    region: environment.BUCKET_REGION || undefined,
    prefix,
    port: whole("PORT", environment.PORT ?? "8080", 0, 65535),
    defaultSeconds: whole("DEFAULT_SECONDS", environment.DEFAULT_SECONDS ?? "300", 1, LONGEST),
    maxSeconds: whole("MAX_SECONDS", environment.MAX_SECONDS ?? "900", 1, LONGEST),
    graceSeconds: whole("GRACE_SECONDS", environment.GRACE_SECONDS ?? "10", 0, 300),
  };
}

// The number that `text` writes, or an error that names the variable or parameter.
export function whole(name, text, least, most) {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (!(number >= least && number <= most)) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}: it is ${JSON.stringify(text)}`);
  }
  return number;
}
