// SPDX-License-Identifier: Apache-2.0
// Messages between threads: the only thing besides immutable snapshots and metrics that two threads touch.
// Many senders, one receiver; order is kept per sender. A whole batch costs one lock and at most one wake-up.
#ifndef PETREL_MAILBOX_H
#define PETREL_MAILBOX_H

#include <stdbool.h>
#include <uv.h>

struct mail {
    struct mail *next;
    int kind; // the receiver's enum
};

struct mail_list {
    struct mail *first, *last;
};

void mail_list_push(struct mail_list *list, struct mail *mail);
struct mail *mail_list_pop(struct mail_list *list); // NULL when empty

struct mailbox {
    uv_mutex_t lock; // guards `letters`; held for a few pointer moves only
    struct mail_list letters;
    bool is_closed; // guarded too: nobody is woken any more
    uv_async_t wake;
    void (*on_mail)(void *arg, struct mail *mail);
    void *arg;
    void (*on_closed)(void *arg);
};

// on_mail runs on `loop`, once per letter, which it then owns.
void mailbox_init(struct mailbox *mailbox, uv_loop_t *loop,
                  void (*on_mail)(void *arg, struct mail *mail), void *arg);
// From any thread: hands over the whole list and empties it.
void mailbox_post(struct mailbox *mailbox, struct mail_list *list);
void mailbox_post_one(struct mailbox *mailbox, struct mail *mail);
// On the receiver's loop; on_closed (may be NULL) gets the mailbox's arg. What is posted later is never opened
// (a stop before everything was drained).
void mailbox_close(struct mailbox *mailbox, void (*on_closed)(void *arg));
// When all senders have ended.
void mailbox_fini(struct mailbox *mailbox);

#endif
