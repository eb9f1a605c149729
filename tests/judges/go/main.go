// SPDX-License-Identifier: Apache-2.0
// The official Go library as a judge: JSON lines in, "ok" or the error per line out.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type delivery struct {
	Secret     string `json:"secret"`
	ID         string `json:"id"`
	Timestamp  string `json:"timestamp"`
	Signature  string `json:"signature"`
	BodyBase64 string `json:"body_base64"`
}

func judge(line []byte) error {
	var d delivery
	if err := json.Unmarshal(line, &d); err != nil {
		return err
	}
	body, err := base64.StdEncoding.DecodeString(d.BodyBase64)
	if err != nil {
		return err
	}
	webhook, err := standardwebhooks.NewWebhook(d.Secret)
	if err != nil {
		return err
	}
	headers := http.Header{}
	headers.Set("webhook-id", d.ID)
	headers.Set("webhook-timestamp", d.Timestamp)
	headers.Set("webhook-signature", d.Signature)
	return webhook.Verify(body, headers)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if err := judge(lines.Bytes()); err != nil {
			fmt.Println("error:", err)
		} else {
			fmt.Println("ok")
		}
	}
}
