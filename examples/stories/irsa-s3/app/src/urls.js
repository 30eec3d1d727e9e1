// Presigned URLs for one bucket, signed with the pod's role. Knows S3; knows nothing of HTTP servers.

import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

export class Urls {
  constructor({ bucket, region }, client = s3(region)) {
    this.bucket = bucket;
    this.client = client;
  }

  download(key, seconds) {
    return this.#presigned("GET", new GetObjectCommand({ Bucket: this.bucket, Key: key }), seconds);
  }

  upload(key, seconds) {
    return this.#presigned("PUT", new PutObjectCommand({ Bucket: this.bucket, Key: key }), seconds);
  }

  // Resolves if the pod has credentials, and rejects with the reason if not. The SDK keeps them until shortly before they expire.
  async ready() {
    await this.client.config.credentials();
  }

  close() {
    this.client.destroy();
  }

  // A presigned URL dies with the session that signed it, whatever its own expiry says: so it is given no longer one.
  async #presigned(method, command, seconds) {
    const { expiration } = await this.client.config.credentials();
    const left = expiration ? Math.floor((expiration.getTime() - Date.now()) / 1000) : Infinity;
    const expiresIn = Math.max(1, Math.min(seconds, left));
    const expiresAt = new Date(Date.now() + expiresIn * 1000).toISOString();
    return { method, url: await getSignedUrl(this.client, command, { expiresIn }), expiresAt };
  }
}

// Credentials come from the default chain: the web identity token that EKS injects, or the file in AWS_CONFIG_FILE.
function s3(region) {
  return new S3Client({
    ...(region && { region }),
    // The SDK would otherwise sign the checksum of an empty body into the URL, and S3 refuse every upload but an empty one.
    requestChecksumCalculation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: 3000, requestTimeout: 10000 },
  });
}
