// What a pod with the AWS SDK for Go does: says who it is, uploads standard input through a presigned URL, and downloads it
// to standard output.
//
// Arguments: bucket and key. Settings and credentials come from the environment alone, as in a pod.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := roundTrip(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func roundTrip(ctx context.Context, bucket, key string) error {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	caller, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, *caller.Arn)

	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	signer := s3.NewPresignClient(s3.NewFromConfig(settings))
	upload, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	if _, err := send(ctx, upload.Method, upload.URL, body); err != nil {
		return err
	}
	download, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	answer, err := send(ctx, download.Method, download.URL, nil)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(answer)
	return err
}

func send(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", method, response.Status, answer)
	}
	return answer, err
}
