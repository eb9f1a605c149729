// SPDX-License-Identifier: Apache-2.0
// A list behind a lock; only the letter that finds it empty wakes the receiver, who takes the list whole.
#include "mailbox.h"

void mail_list_push(struct mail_list *list, struct mail *mail)
{
    mail->next = NULL;
    if (list->last)
        list->last->next = mail;
    else
        list->first = mail;
    list->last = mail;
}

struct mail *mail_list_pop(struct mail_list *list)
{
    struct mail *mail = list->first;
    if (mail) {
        list->first = mail->next;
        if (!list->first)
            list->last = NULL;
    }
    return mail;
}

static void on_wake(uv_async_t *wake)
{
    struct mailbox *mailbox = wake->data;
    uv_mutex_lock(&mailbox->lock);
    struct mail_list letters = mailbox->letters;
    mailbox->letters = (struct mail_list){0};
    uv_mutex_unlock(&mailbox->lock);
    struct mail *mail;
    while ((mail = mail_list_pop(&letters)))
        mailbox->on_mail(mailbox->arg, mail);
}

void mailbox_init(struct mailbox *mailbox, uv_loop_t *loop,
                  void (*on_mail)(void *arg, struct mail *mail), void *arg)
{
    *mailbox = (struct mailbox){.on_mail = on_mail, .arg = arg};
    uv_mutex_init(&mailbox->lock);
    uv_async_init(loop, &mailbox->wake, on_wake);
    mailbox->wake.data = mailbox;
}

void mailbox_post(struct mailbox *mailbox, struct mail_list *list)
{
    if (!list->first)
        return;
    uv_mutex_lock(&mailbox->lock);
    bool was_empty = !mailbox->letters.first;
    if (was_empty)
        mailbox->letters = *list;
    else
        mailbox->letters.last->next = list->first;
    mailbox->letters.last = list->last;
    // Inside the lock: the handle may be closed right after it.
    if (was_empty && !mailbox->is_closed)
        uv_async_send(&mailbox->wake);
    uv_mutex_unlock(&mailbox->lock);
    *list = (struct mail_list){0};
}

void mailbox_post_one(struct mailbox *mailbox, struct mail *mail)
{
    struct mail_list list = {0};
    mail_list_push(&list, mail);
    mailbox_post(mailbox, &list);
}

static void on_wake_closed(uv_handle_t *handle)
{
    struct mailbox *mailbox = handle->data;
    if (mailbox->on_closed)
        mailbox->on_closed(mailbox->arg);
}

void mailbox_close(struct mailbox *mailbox, void (*on_closed)(void *arg))
{
    uv_mutex_lock(&mailbox->lock);
    mailbox->is_closed = true;
    uv_mutex_unlock(&mailbox->lock);
    mailbox->on_closed = on_closed;
    uv_close((uv_handle_t *)&mailbox->wake, on_wake_closed);
}

void mailbox_fini(struct mailbox *mailbox)
{
    uv_mutex_destroy(&mailbox->lock);
}
