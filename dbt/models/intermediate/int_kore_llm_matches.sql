-- The price of each combination of provider and names that the log has, on each of its days: your own and the public one,
-- and how sure each is. A row for each combination, day, source of price and step of the prompt's size.
with combinations as (
    select
        {{ names_key() }} as names_key,
        price_day,
        nullif(trim(provider), '') as provider,
        {{ told_provider('said') }} as told_provider,
        nullif(trim(response_model), '') as response_model,
        nullif(trim(request_model), '') as request_model,
        nullif(trim(model_name), '') as model_name
    from (
        select
            distinct_names.*,
            lower({{ dbt.concat([
                "coalesce(integration, '')", "' '", "coalesce(response_model, '')", "' '", "coalesce(request_model, '')",
                "' '", "coalesce(model_name, '')",
            ]) }}) as said
        from (
            select distinct {{ price_day() }} as price_day, provider, integration, response_model, request_model, model_name
            from {{ ref('stg_kore_llm_logs') }}
            where guardrail_scanner is null
        ) as distinct_names
    ) as names_of_days
),

words as (
    select name, price_key, plain_key, {{ short_key('plain_key') }} as short_key
    from (
        select name, price_key, {{ plain_key('price_key') }} as plain_key
        from (
            select name, {{ price_key('name') }} as price_key
            from (
                select distinct name
                from (
                    select response_model as name from combinations
                    union all
                    select request_model as name from combinations
                    union all
                    select model_name as name from combinations
                ) as every_name
                where name is not null
            ) as names
        ) as keyed
    ) as plain
),

aliases as (
    {{ alias_rows() }}
),

names as (
    select distinct
        combinations.names_key,
        coalesce(combinations.provider, combinations.told_provider, '(none)') as call_provider,
        {% for name in ('response', 'request', 'model') -%}
        {{ name }}_words.price_key as {{ name }}_key,
        {{ name }}_words.plain_key as {{ name }}_plain,
        {{ name }}_words.short_key as {{ name }}_short{{ ',' if not loop.last }}
        {% endfor %}
    from combinations
    left join words as response_words on combinations.response_model = response_words.name
    left join words as request_words on combinations.request_model = request_words.name
    left join words as model_words on combinations.model_name = model_words.name
),

usable as (
    select 'response_model' as matched_by, 1 as name_rank, names_key, call_provider, response_key as price_key,
        response_plain as plain_key, response_short as short_key
    from names
    where response_key is not null

    union all

    select 'request_model' as matched_by, 2 as name_rank, names_key, call_provider, request_key as price_key,
        request_plain as plain_key, request_short as short_key
    from names
    where request_key is not null and {{ may_stand_for('request', 'response') }}

    union all

    select 'model_name' as matched_by, 3 as name_rank, names_key, call_provider, model_key as price_key,
        model_plain as plain_key, model_short as short_key
    from names
    where model_key is not null and {{ may_stand_for('model', 'response') }} and {{ may_stand_for('model', 'request') }}
),

-- The forms in which a name is looked up, the surest first: as it is, what an alias calls it, without seller, region and
-- use, and without version and date.
looked_up as (
    select names_key, matched_by, name_rank, call_provider, 1 as form, price_key as looked_up, price_key
    from usable

    union all

    select usable.names_key, usable.matched_by, usable.name_rank,
        case when usable.call_provider = '(none)' then coalesce(aliases.provider, '(none)') else usable.call_provider end
            as call_provider,
        aliases.form, aliases.target_key as looked_up, usable.price_key
    from usable
    inner join aliases on aliases.alias_key in (usable.price_key, usable.plain_key, usable.short_key)

    union all

    select names_key, matched_by, name_rank, call_provider, 3 as form, plain_key as looked_up, price_key
    from usable

    union all

    select names_key, matched_by, name_rank, call_provider, 4 as form, short_key as looked_up, price_key
    from usable
    where price_key not like 'ft:%'
),

-- The public price list under its names, and under its short names: of those, which may be many, all must cost the same.
listed as (
    select distinct provider, price_key as looked_up, price_key, 0 as is_short
    from {{ ref('int_kore_llm_prices') }}
    where price_source = 'public'

    union all

    select distinct provider, short_key as looked_up, price_key, 1 as is_short
    from {{ ref('int_kore_llm_prices') }}
    where price_source = 'public' and short_key like '%-%'  -- `claude` tells a family, no model.
),

provider_order as (
    {{ provider_order() }}
),

candidates as (
    select
        looked_up.names_key, looked_up.matched_by, looked_up.name_rank, provider_order.provider_rank,
        looked_up.form + 10 * listed.is_short as form,
        'public' as price_source, listed.provider, listed.price_key, looked_up.call_provider
    from looked_up
    inner join listed on looked_up.looked_up = listed.looked_up
    inner join provider_order
        on looked_up.call_provider = provider_order.call_provider
        and listed.provider = provider_order.provider

    union all

    -- Your own prices stand under any of the three names, whatever the others say.
    select
        names.names_key, own_names.matched_by, own_names.name_rank, 1 as provider_rank, 1 as form,
        'own' as price_source, cast(null as {{ dbt.type_string() }}) as provider, own_names.price_key, names.call_provider
    from (
        select names_key, 'response_model' as matched_by, 1 as name_rank, response_key as price_key from names
        union all
        select names_key, 'request_model' as matched_by, 2 as name_rank, request_key as price_key from names
        union all
        select names_key, 'model_name' as matched_by, 3 as name_rank, model_key as price_key from names
    ) as own_names
    inner join names on own_names.names_key = names.names_key
    where own_names.price_key in (select price_key from {{ ref('int_kore_llm_prices') }} where price_source = 'own')
),

versions as (
    select price_source, provider, price_key, valid_from, valid_until, min(priced_model) as priced_model,
        min(input_usd_per_million) as input_usd, min(output_usd_per_million) as output_usd
    from {{ ref('int_kore_llm_prices') }}
    group by price_source, provider, price_key, valid_from, valid_until
),

-- From each of these days to the next, the same prices hold: whatever is found for one of them is for all.
spans as (
    select names_key, first_day, lead(first_day) over (partition by names_key order by first_day) as next_day
    from (
        select distinct candidates.names_key, case ends.side when 1 then versions.valid_from else versions.valid_until end as first_day
        from candidates
        inner join versions on {{ same_price('candidates', 'versions') }}
        cross join (select 1 as side union all select 2 as side) as ends
    ) as changes
    where first_day is not null
),

in_force as (
    select
        candidates.*,
        spans.first_day,
        spans.next_day,
        versions.valid_from,
        versions.priced_model,
        {% for kind in ('input', 'output') -%}
        max(versions.{{ kind }}_usd) over (
            partition by candidates.names_key, spans.first_day, candidates.price_source, candidates.name_rank,
                candidates.provider, candidates.form
        ) - min(versions.{{ kind }}_usd) over (
            partition by candidates.names_key, spans.first_day, candidates.price_source, candidates.name_rank,
                candidates.provider, candidates.form
        ) as {{ kind }}_spread{{ ',' if not loop.last }}
        {% endfor %}
    from candidates
    inner join spans on candidates.names_key = spans.names_key
    inner join versions
        on {{ same_price('candidates', 'versions') }}
        and versions.valid_from <= spans.first_day
        and (versions.valid_until is null or versions.valid_until > spans.first_day)
),

ranked as (
    select
        *,
        row_number() over (
            partition by names_key, first_day, price_source
            order by name_rank, provider_rank, form, priced_model
        ) as place
    from in_force
    where input_spread = 0 and output_spread = 0
)

select
    ranked.names_key,
    days.price_day,
    ranked.price_source,
    ranked.matched_by,
    -- high: the model that answered or was asked for, under its own name, at the price of the one who served it.
    case
        when ranked.matched_by = 'model_name' then 'low'
        when ranked.form = 1 and ranked.provider_rank = 1 then 'high'
        else 'medium'
    end as confidence,
    ranked.provider,
    ranked.priced_model,
    prices.prompt_tokens_above,
    -- As bounds that any count can be compared with: a prompt that nobody counted is at the base price.
    case when prices.prompt_tokens_above = 0 then -1 else prices.prompt_tokens_above end as above,
    coalesce(prices.prompt_tokens_up_to, 9223372036854775807) as up_to,
    {% for kind in price_kinds() -%}
    prices.{{ kind }}_usd_per_million{{ ',' if not loop.last }}
    {% endfor %}
from ranked
inner join (select distinct names_key, price_day from combinations) as days
    on ranked.names_key = days.names_key
    and days.price_day >= ranked.first_day
    and (ranked.next_day is null or days.price_day < ranked.next_day)
inner join {{ ref('int_kore_llm_prices') }} as prices
    on {{ same_price('ranked', 'prices') }}
    and ranked.valid_from = prices.valid_from
where ranked.place = 1
